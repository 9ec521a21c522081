"""Children that answer each line of JSON with a line of JSON, from both sides."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

EXIT_TIMEOUT_S = 60.0
"""For a child to end once nobody asks any more, in seconds; then it is killed."""

Answerer = Callable[[dict[str, Any]], dict[str, Any]]


class LineChild:
    """A child that answers each line of JSON with a line of JSON.

    Args:
        module: Run as `python -m module`.
        arguments: Command-line arguments of the module.
        python: The interpreter; None for this one.
        environment: Variables that the child has beside those of this process.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        python: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [str(python or sys.executable), "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env={**os.environ, **(environment or {})},
        )

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and wait for its answer.

        Raises:
            RuntimeError: The child ended instead.
        """
        assert self._process.stdin is not None  # noqa: S101  piped above
        assert self._process.stdout is not None  # noqa: S101
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._module} ended with {self._process.wait()}: see above")
        return json.loads(line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(EXIT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def answer_lines(answer: Answerer) -> None:
    """The child's side: answer until nobody asks any more."""
    # Libraries print what they please; only answers may reach the parent.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(answer(json.loads(line))) + "\n")
        answers.flush()
