"""A run of `bombus train spectral` as a subject of export: true to it in any light."""

from __future__ import annotations

from functools import partial

import numpy as np

from export.assemble import keras_artefact
from export.gate.judge import check_reference
from export.gate.labels import check_labels
from export.making import Say
from export.spectral.gate import Exam, judge_spectral
from export.spectral.graph import BANDS, LOGITS, SpectralGraph, spectral_graph
from export.spectral.mixed import in_float
from export.spectral.run import Run, contract_of
from export.subject import Order, Subject, Told
from models.manifest import Scheme

SCHEMES: tuple[Scheme, ...] = ("f32", "f16", "wi8_ai8")
CALIBRATION = 512  # of the rows it learned from, as many set the ranges of 8 bits at most


def spectral_classifier(run: Run, order: Order, say: Say = print) -> Subject:
    """The subject.

    Args:
        run: What was trained.
        order: What will be made of it.
        say: Receives a warning at a time.

    Raises:
        InputError: The run is of another kind.
        GateError: Keras's own answers prove nothing, or its labels are not those of the samples.
    """
    graph = spectral_graph(run.model, run.sensed.bands, len(run.sensed.classes))
    contract = contract_of(
        run, graph, name=order.name, version=order.version, license_id=order.license
    )
    exam = _exam(run, graph)
    for line in check_labels(exam.reference[LOGITS], exam.targets, run.sensed.classes):
        say(f"warning: {line}")
    step = -(-len(run.learned.values) // CALIBRATION)
    return Subject(
        served=graph,
        contract=contract,
        judge=partial(
            judge_spectral, exam=exam, weights=run.model.count_params(), max_drop=order.max_drop
        ),
        keras=keras_artefact(order.name, run.keras, {BANDS: "float32", LOGITS: "float32"}),
        keras_data=run.keras,
        told=Told(
            training=run.training,
            validation={
                "name": exam.name,
                "n": len(exam.values),
                "held_out": len(exam.held_out),
            },
        ),
        calibration={BANDS: run.learned.values[::step]},
        spare=in_float,
        refused={
            ("onnx", "f16"): "ONNX Runtime would compute in half precision, in which indices fail",
        },
    )


def _exam(run: Run, graph: SpectralGraph) -> Exam:
    """All rows, those that it never saw first.

    Raises:
        GateError: Keras's own answers prove nothing.
    """
    values, targets = (
        np.concatenate((getattr(run.test, part), getattr(run.learned, part)))
        for part in ("values", "targets")
    )
    answers = graph.model.predict(values, batch_size=4096, verbose=0)
    reference = {name: np.asarray(answer, np.float32) for name, answer in answers.items()}
    check_reference(reference[LOGITS])
    name = str(run.training.get("data", "samples"))
    return Exam(name, values, targets, np.arange(len(run.test.values)), reference)
