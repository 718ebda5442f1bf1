"""The folding problem as a mixed-integer linear program, solved to optimality by HiGHS.

FINN's dependency ``mip`` has no solver binary on every platform (its wheel carries CBC for some
only); scipy brings HiGHS (Huangfu and Hall, Math. Prog. Comp. 10, 2018), and scikit-learn scipy.

One binary variable per option, exactly one of each node. Along each edge one flow variable per
pair of classes, whose sums over one side equal the chosen class of the other: with binary options
exactly the pair's variable is one (the local polytope, tight on trees: Wainwright and Jordan,
Graphical Models, 2008, section 4.1). Resources are linear in both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwflow.dataflow.folding.problem import FloatArray, Problem, undominated

# HiGHS stops at an absolute gap of 1e-6, which shares of a part would come close to.
_SCALE = 1e4
# Rows are scaled to shares of the budget; HiGHS holds them to 1e-6.
TOLERANCE = 1e-5


@dataclass(frozen=True, eq=False)
class Solution:
    """An option of each node, what they take (resources,), and the proven relative gap."""

    choice: tuple[int, ...]
    used: FloatArray
    gap: float


@dataclass(frozen=True, eq=False)
class _Program:
    """Columns: the options of all nodes, then the pairs of all edges."""

    equalities: object
    right: FloatArray
    resources: FloatArray  # (resources, columns)
    starts: tuple[int, ...]  # of each node's options, and their end

    @property
    def columns(self) -> int:
        return int(self.resources.shape[1])

    @property
    def options(self) -> int:
        return self.starts[-1]

    def choice(self, values: FloatArray) -> tuple[int, ...]:
        """Return the option of each node that ``values`` (columns,) has set."""
        return tuple(
            int(np.argmax(values[start:end]))
            for start, end in zip(self.starts, self.starts[1:], strict=False)
        )


def solve(
    problem: Problem,
    *,
    prices: FloatArray,
    budget: FloatArray,
    gap: float = 0.0,
    time_limit_s: float = 120.0,
) -> Solution | None:
    """Return the choice of least Σ prices × used within ``budget``, or None if there is none.

    Args:
        problem: options beyond a cycle limit must be gone.
        prices: (resources,) of one LUT and so on.
        budget: (resources,); may be infinite.
        gap: relative gap to stop at; 0 asks for the optimum.
        time_limit_s: after which the best found is returned, with its proven gap.

    Raises:
        TimeoutError: nothing found, and nothing disproved, within the time.
    """
    if any(len(node.cycles) == 0 for node in problem.nodes):
        return None
    keep = undominated(problem)
    small = problem.restricted(keep)
    program = _program(small)
    rows = np.flatnonzero(np.isfinite(budget))
    room = budget[rows] - problem.fixed[rows]
    if (room < 0).any():
        return None
    scale = np.where(room > 0, room, 1.0)
    values, proven = _run(
        program,
        objective=_SCALE * prices @ program.resources,
        rows=program.resources[rows] / scale[:, None],
        most=room / scale,
        gap=gap,
        time_limit_s=time_limit_s,
    )
    if values is None:
        return None
    chosen = program.choice(values)
    choice = tuple(int(kept[option]) for kept, option in zip(keep, chosen, strict=True))
    return Solution(choice, problem.used(choice), proven)


def least_overflow(
    problem: Problem, *, budget: FloatArray, time_limit_s: float = 30.0
) -> Solution | None:
    """Return the choice whose largest use, as a multiple of ``budget``, is least.

    For saying what a target would need that cannot be met. ``budget`` must be positive; resources
    of infinite budget do not count. None if no options fit together, or out of time.
    """
    if any(len(node.cycles) == 0 for node in problem.nodes):
        return None
    keep = undominated(problem)
    small = problem.restricted(keep)
    program = _program(small)
    rows = np.flatnonzero(np.isfinite(budget))
    shares = program.resources[rows] / budget[rows, None]
    objective = np.zeros(program.columns + 1)
    objective[-1] = 1.0  # the largest use
    try:
        values, proven = _run(
            program,
            objective=objective,
            rows=np.hstack([shares, -np.ones((len(rows), 1))]),
            most=-problem.fixed[rows] / budget[rows],
            gap=1e-3,
            time_limit_s=time_limit_s,
        )
    except TimeoutError:
        return None
    if values is None:
        return None
    chosen = program.choice(values)
    choice = tuple(int(kept[option]) for kept, option in zip(keep, chosen, strict=True))
    return Solution(choice, problem.used(choice), proven)


def _program(problem: Problem) -> _Program:
    from scipy.sparse import csr_matrix

    sizes = [len(node.cycles) for node in problem.nodes]
    starts = tuple(int(start) for start in np.concatenate([[0], np.cumsum(sizes)]))
    entries: list[tuple[int, int, float]] = []  # row, column, value
    right: list[float] = []
    resources = [node.cost for node in problem.nodes]
    for index in range(len(sizes)):
        entries += [(len(right), column, 1.0) for column in range(*starts[index : index + 2])]
        right.append(1.0)
    column = starts[-1]
    for edge in problem.edges:
        legal = np.argwhere(np.isfinite(edge.cost).all(axis=2))
        resources.append(edge.cost[legal[:, 0], legal[:, 1]])
        for side, node, classes in (
            (0, edge.source, edge.source_class),
            (1, edge.target, edge.target_class),
        ):
            first = len(right)
            right += [0.0] * edge.cost.shape[side]
            entries += [
                (first + int(pair[side]), column + place, 1.0) for place, pair in enumerate(legal)
            ]
            entries += [
                (first + int(group), starts[node] + option, -1.0)
                for option, group in enumerate(classes)
            ]
        column += len(legal)
    rows, columns, values = zip(*entries, strict=True)
    matrix = csr_matrix((values, (rows, columns)), shape=(len(right), column))
    return _Program(matrix, np.array(right), np.vstack(resources).T, starts)


def _run(
    program: _Program,
    *,
    objective: FloatArray,
    rows: FloatArray,
    most: FloatArray,
    gap: float,
    time_limit_s: float,
) -> tuple[FloatArray | None, float]:
    """Return the columns and the proven gap; extra columns of ``objective`` are free and >= 0."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import csr_matrix, hstack

    extra = len(objective) - program.columns
    equalities = program.equalities
    if extra:
        equalities = hstack([equalities, csr_matrix((len(program.right), extra))]).tocsr()
    constraints = [LinearConstraint(equalities, program.right, program.right)]
    if len(rows):
        constraints.append(LinearConstraint(csr_matrix(rows), -np.inf, most))
    integral = np.zeros(len(objective))
    integral[: program.options] = 1
    upper = np.ones(len(objective))
    upper[program.columns :] = np.inf
    found = milp(
        objective,
        integrality=integral,
        bounds=Bounds(0.0, upper),
        constraints=constraints,
        options={"mip_rel_gap": gap, "time_limit": time_limit_s},
    )
    if found.status == 2:
        return None, 0.0
    if found.x is None:
        raise TimeoutError(f"HiGHS: {found.message}")
    return found.x, float(found.mip_gap or 0.0)
