"""The figures that notebooks teach with."""

import plotly.graph_objects as go
import plotly.io
import pytest

import savevm_inspect as si


def line(title: str, *values: int) -> go.Figure:
    figure = go.Figure([go.Scatter(y=values), go.Scatter(y=values[::-1])])
    figure.update_layout(title_text=title, height=300)
    return figure


def test_each_step_of_the_slider_shows_its_own_figure() -> None:
    figures = {1: line("one", 1, 2), 30: line("two", 3, 4), 300: line("three", 5, 6)}
    whole = si.figures.slider_figure("limit <ms>", figures)
    (slider,) = whole.layout.sliders
    assert slider.currentvalue.prefix == "limit &lt;ms&gt;: "
    assert [trace.visible for trace in whole.data] == [True, True, False, False, False, False]
    for (value, figure), step in zip(figures.items(), slider.steps, strict=True):
        update, layout = step.args
        shown = [trace for trace, visible in zip(whole.data, update["visible"], strict=True) if visible]
        assert [trace.y for trace in shown] == [trace.y for trace in figure.data]
        assert layout == {"title.text": figure.layout.title.text}
        assert step.label == str(value)


def test_a_slider_needs_something_to_choose_from() -> None:
    with pytest.raises(si.SavevmError, match="at least one figure"):
        si.figures.slider_figure("nothing", {})


def test_each_verdict_has_the_colour_of_its_kind_and_its_reason() -> None:
    cells = [[("loads", "3 & 4"), ("refused", "no footer")], [("", ""), ("loads", "5")]]
    figure = si.figures.verdicts_figure("a <title>", ["old", "new"], ["old", "new"], cells)
    by_kind = {trace.name: trace for trace in figure.data}
    assert set(by_kind) == {"loads", "refused"}
    assert [list(row) for row in by_kind["loads"].z] == [[1, None], [None, 1]]
    assert [list(row) for row in by_kind["refused"].z] == [[None, 1], [None, None]]
    assert [list(row) for row in by_kind["loads"].customdata] == [["3 &amp; 4", None], [None, "5"]]
    assert [list(row) for row in by_kind["loads"].text] == [["loads", ""], ["", "loads"]]
    assert "loads" in by_kind["loads"].hovertemplate
    assert len({trace.colorscale[0][1] for trace in figure.data}) == 2
    assert figure.layout.title.text == "a &lt;title&gt;"


def test_a_large_table_has_no_texts_in_its_cells() -> None:
    cells = [[("loads", "")] * 32] * 40
    figure = si.figures.verdicts_figure("t", list(map(str, range(40))), list(map(str, range(32))), cells)
    assert figure.data[0].texttemplate is None


@pytest.mark.parametrize("cells", [[], [[("a", "")]], [[("a", "")], [("b", "")]]])
def test_cells_must_be_as_many_as_said(cells: list[list[tuple[str, str]]]) -> None:
    with pytest.raises(si.SavevmError, match="2 rows of 2 cells"):
        si.figures.verdicts_figure("t", ["1", "2"], ["1", "2"], cells)


def test_jupyter_draws_figures_from_their_data_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plotly.io.renderers, "default", "json")
    si.figures.in_jupyter()
    assert plotly.io.renderers.default == "plotly_mimetype"
