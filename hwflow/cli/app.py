"""The command ``hwflow``: its sub-commands, and what happens when one fails."""

from __future__ import annotations

import sys

import typer
from rich.markup import escape
from typer.exceptions import Abort, Exit, TyperException

from hwflow.cli import failures
from hwflow.cli.lines import benches, hardware, training, whole
from hwflow.cli.session import session
from hwflow.errors import ConfigError, HwflowError

app = typer.Typer(
    name="hwflow",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="From PyTorch to FPGA: cascades of mixed-precision networks as streaming RTL, verified.",
)

bench_app = typer.Typer(
    no_args_is_help=True, help="Measure what hwflow claims: figures, goals, provenance."
)
app.add_typer(bench_app, name="bench")

# In the order of the help.
app.command()(whole.demo)
app.command()(training.train)
app.command("data")(training.data_)
app.command()(training.export)
app.command()(training.evaluate)
app.command()(training.calibrate)
app.command()(whole.reproduce)
app.command()(hardware.build)
app.command()(hardware.simulate)
app.command()(hardware.synth)
app.command()(hardware.report)
app.command()(hardware.layers)
bench_app.command("generator")(benches.bench_generator)
bench_app.command("cascade")(benches.bench_cascade)
bench_app.command("train")(benches.bench_train)
bench_app.command("document")(benches.bench_document)
bench_app.command("cost")(benches.bench_cost)
app.command()(whole.doctor)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its status."""
    given = sys.argv[1:] if arguments is None else arguments
    session.reset()
    status = _run(given)
    session.close()
    sys.exit(status)


def _run(arguments: list[str]) -> int:
    try:
        # Outside of standalone mode an Exit comes back as a value.
        status = app(arguments, standalone_mode=False)
        if status == failures.INTERRUPTED:  # typer's own view of Ctrl-C
            return failures.interrupted(arguments)
        return status if isinstance(status, int) else 0
    except Exit as error:
        return error.exit_code
    except TyperException as error:
        show = getattr(error, "show", None)
        if show is None:
            failures.say(escape(error.format_message()))
        else:
            show()
        if "--json" in arguments:
            failures.describe(arguments, ConfigError(error.format_message()))
        return 2
    except (KeyboardInterrupt, Abort):
        return failures.interrupted(arguments)
    except HwflowError as error:
        return failures.fail(arguments, error)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("hwflow"):
            return failures.bug(arguments, error)
        return failures.fail(arguments, failures.missing_package(error))
    except OSError as error:
        known = failures.disk_error(error)
        return failures.bug(arguments, error) if known is None else failures.fail(arguments, known)
    except Exception as error:
        return failures.bug(arguments, error)
