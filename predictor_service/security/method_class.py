"""Which kind of token a method wants."""

from enum import StrEnum


class MethodClass(StrEnum):
    """A class of methods; its value is what its tokens may do."""

    PREDICT = "predict"
    REPORT = "report"
    ADMIN = "administer"


_SERVICE = "/lengthwise.v1.LengthPredictor/"

_CLASSES = {
    _SERVICE + "Predict": MethodClass.PREDICT,
    _SERVICE + "PredictBatch": MethodClass.PREDICT,
    _SERVICE + "PredictStream": MethodClass.PREDICT,
    _SERVICE + "GetIndexInfo": MethodClass.PREDICT,
    _SERVICE + "Report": MethodClass.REPORT,
}


def method_class(method: str) -> MethodClass:
    """The class of a method by its full name; what is not known takes the rarest token.

    Health and reflection have no class: they are not guarded.
    """
    return _CLASSES.get(method, MethodClass.ADMIN)
