"""Frozen results of every stage, to and from JSON. Units end the names; KiB = 1024 bytes.

``validation_accuracy`` and the like are the score of the task on the validation split: top-1
accuracy, or what takes its place (``Task.score``), of which more is better and 1 is perfect.
"""

from tinykd.results.base import SCHEMA_VERSION, ModelName, PairName, Result, headline
from tinykd.results.data import DataSummary
from tinykd.results.distillation import (
    AdaptationResult,
    ChainLink,
    DistillComparison,
    DistillResult,
    Race,
    RaceRung,
    RaceScore,
)
from tinykd.results.evaluation import EvaluateResult, FileScore, FlipTest, ModelScore, OutputScore
from tinykd.results.firmware import (
    BoardLatency,
    EmulateResult,
    ExportResult,
    FootprintResult,
    LayerCost,
)
from tinykd.results.quantization import ConvertResult, QuantizeResult
from tinykd.results.report import Artifact, Report
from tinykd.results.sizing import Budget, StudentChoice, StudentCost
from tinykd.results.training import SoftTargetsResult, StudentSummary, TeacherResult, TrainingCurve

__all__ = [
    "SCHEMA_VERSION",
    "AdaptationResult",
    "Artifact",
    "BoardLatency",
    "Budget",
    "ChainLink",
    "ConvertResult",
    "DataSummary",
    "DistillComparison",
    "DistillResult",
    "EmulateResult",
    "EvaluateResult",
    "ExportResult",
    "FileScore",
    "FlipTest",
    "FootprintResult",
    "LayerCost",
    "ModelName",
    "ModelScore",
    "OutputScore",
    "PairName",
    "QuantizeResult",
    "Race",
    "RaceRung",
    "RaceScore",
    "Report",
    "Result",
    "SoftTargetsResult",
    "StudentChoice",
    "StudentCost",
    "StudentSummary",
    "TeacherResult",
    "TrainingCurve",
    "headline",
]
