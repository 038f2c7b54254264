"""Entry point of the ``counterfoil-sandbox`` command and of ``python -m counterfoil_sandbox``."""

from counterfoil_sandbox.cli import app


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
