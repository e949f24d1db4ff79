"""A prediction that is made before something is run, kept, and looked at again afterwards."""

from ..errors import listed, printable
from ..markup import esc
from .question import Verdict
from .shape import shown


class Prediction:
    """A question whose answer one guesses first; the notebook finds the answer by running something.

    Args:
        text: what is asked.
        choices: what to choose from.

    Attributes:
        text: what is asked.
        choices: what to choose from.
        chosen: what was guessed; empty as long as nothing was.
    """

    def __init__(self, text: str, *choices: str) -> None:
        self.text = text
        self.choices = choices
        self.chosen = ""
        self._refused = ""

    def choose(self, guess: object) -> "Prediction":
        """Keep a guess.

        Args:
            guess: one of :attr:`choices`; anything else is no guess, and the prediction says so.
        """
        self.chosen = guess if isinstance(guess, str) and guess in self.choices else ""
        self._refused = "" if guess is None or self.chosen else f"{shown(guess)} is none of the choices. "
        return self

    def reveal(self, answer: object, because: str) -> "Revealed":
        """What became of it.

        Args:
            answer: what was found; one of :attr:`choices`, or what has one as its text.
            because: the reason.

        Raises:
            ValueError: the answer is none of the choices, so the question was wrong.
        """
        if str(answer) not in self.choices:
            raise ValueError(f"{answer!r} is none of {listed(self.choices)}")
        return Revealed(self, str(answer), because)

    def __repr__(self) -> str:
        guess = f"You say: {self.chosen}." if self.chosen else f"{self._refused}Choose: {'; '.join(self.choices)}"
        return printable(f"<Prediction: {self.text} {guess}>")

    def _repr_html_(self) -> str:
        guess = f"You say <b>{esc(self.chosen)}</b>." if self.chosen else f"{esc(self._refused)}No guess yet."
        choices = " · ".join(map(esc, self.choices))
        return f"<p><b>Predict:</b> {esc(self.text)}<br>{choices}<br>{guess}</p>"


def predict(text: str, *choices: str) -> Prediction:
    """Ask for a guess, to be kept until the notebook has run what answers it.

    Args:
        text: what is asked.
        choices: what to choose from.

    Returns:
        The prediction; ``.choose("...")`` keeps a guess, ``.reveal(answer, because)`` shows both, folded.
    """
    return Prediction(text, *choices)


class Revealed:
    """A prediction beside what was found; in a notebook it folds out.

    Args:
        prediction: what was guessed.
        answer: what was found.
        because: the reason.

    Attributes:
        verdict: what the guess is worth.
    """

    def __init__(self, prediction: Prediction, answer: str, because: str) -> None:
        self._prediction = prediction
        self.verdict = Verdict(right=prediction.chosen == answer, reason=f"{answer}: {because}")

    @property
    def _guess(self) -> str:
        chosen = self._prediction.chosen
        return f"You said: {chosen}." if chosen else "You made no guess."

    def __repr__(self) -> str:
        return printable(f"<{self._prediction.text} {self._guess} It is {self.verdict.reason}>")

    def _repr_html_(self) -> str:
        return (
            f"<details><summary>{esc(self._prediction.text)} {esc(self._guess)} <u>And it is?</u></summary>"
            f"<p>{esc(self.verdict.reason)}</p></details>"
        )
