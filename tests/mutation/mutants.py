"""What a mutant is: one operator, condition, constant or returned value of a module is another one."""

import ast
from collections.abc import Iterator
from typing import NamedTuple

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
SETTERS = frozenset({"lru_cache", "cache", "TypeAlias", "TypeVar"})
"""What is called or written so says how fast something is, or what type it has; no test can tell one from another."""


class Mutant(NamedTuple):
    """One change of a module: the number of the place, where it is, and what it becomes."""

    number: int
    line: int
    what: str


def list_mutants(source: str) -> list[Mutant]:
    """Return all mutants of a module."""
    mutator = _Mutator(None)
    mutator.visit(ast.parse(source))
    return mutator.found


def build_mutant(source: str, number: int) -> ast.Module:
    """Return a module with the change of this number in it."""
    tree = _Mutator(number).visit(ast.parse(source))
    assert isinstance(tree, ast.Module)
    return ast.fix_missing_locations(tree)


class _Mutator(ast.NodeTransformer):
    """Visits all places in the same order each time, and changes the chosen one; None: none, they are only listed."""

    def __init__(self, chosen: int | None) -> None:
        self.chosen = chosen
        self.found: list[Mutant] = []

    def visit(self, node: ast.AST) -> ast.AST:
        node = self._visit_parts(node)
        for changed, what in _list_changes(node):
            number = len(self.found)
            self.found.append(Mutant(number, _find_line(node), f"{_shorten(node)} -> {what}"))
            if number == self.chosen:
                return ast.copy_location(changed, node)
        return node

    def _visit_parts(self, node: ast.AST) -> ast.AST:
        """Visit what a node is made of, but for annotations, documentation and what only sets a speed."""
        if isinstance(node, ast.AnnAssign):
            if node.value and "TypeAlias" not in ast.unparse(node.annotation):
                node.value = self.visit(node.value)  # pyright: ignore[reportAttributeAccessIssue]
            return node
        if isinstance(node, ast.arg) or (isinstance(node, ast.Call) and _name(node.func) in SETTERS):
            return node
        if isinstance(node, ast.ClassDef):
            node.body = [self.visit(part) for part in node.body]  # pyright: ignore[reportAttributeAccessIssue]
            return node
        if isinstance(node, ast.FunctionDef):
            node.args = self.visit(node.args)  # pyright: ignore[reportAttributeAccessIssue]
            node.body = [self.visit(part) for part in node.body]  # pyright: ignore[reportAttributeAccessIssue]
            return node
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return node
        return self.generic_visit(node)


def _find_line(node: ast.AST) -> int:
    return node.iter.lineno if isinstance(node, ast.comprehension) else getattr(node, "lineno", 0)


def _name(node: ast.expr) -> str:
    return ast.unparse(node).rpartition(".")[2]


def _list_changes(node: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    changed = _change_condition(node) or _change_value(node)
    if changed is not None:
        yield changed, _shorten(ast.fix_missing_locations(ast.copy_location(changed, node)))


def _change_condition(node: ast.AST) -> ast.AST | None:
    match node:
        case ast.Compare() if type(node.ops[0]) in COMPARISONS:
            return ast.Compare(node.left, [COMPARISONS[type(node.ops[0])](), *node.ops[1:]], node.comparators)
        case ast.BoolOp():
            return ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        case ast.UnaryOp(op=ast.Not()):
            return node.operand
        case ast.IfExp() | ast.If() if "TYPE_CHECKING" not in ast.unparse(node.test):
            opposite = ast.UnaryOp(ast.Not(), node.test)
            return type(node)(test=opposite, body=node.body, orelse=node.orelse)  # pyright: ignore[reportArgumentType]
        case ast.comprehension() if node.ifs:
            return ast.comprehension(node.target, node.iter, node.ifs[1:], node.is_async)
        case _:
            return None


def _change_value(node: ast.AST) -> ast.AST | None:
    match node:
        case ast.BinOp() if type(node.op) in OPERATORS:
            return ast.BinOp(node.left, OPERATORS[type(node.op)](), node.right)
        case ast.Constant(value=bool(value)):
            return ast.Constant(not value)
        case ast.Constant(value=int(value)):
            return ast.Constant(value + 1)
        case ast.Return(value=ast.expr() as value) if not _is_nothing(value):
            return ast.Return(ast.Constant(None))
        case _:
            return None


def _shorten(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())[:70]


def _is_nothing(node: ast.expr) -> bool:
    """Whether it is None or False, which say the same to whoever asks a yes or no."""
    return isinstance(node, ast.Constant) and (node.value is None or node.value is False)
