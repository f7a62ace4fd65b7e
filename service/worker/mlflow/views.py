"""Prepared views of MLflow's comparison page, saved with the experiment and opened by a link."""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from service.worker.mlflow.tracker import clean_key

PREFIX = "mlflow.sharedViewState."
CURVES, FACTORS, ARMS = "ablate-curves", "ablate-factors", "ablate-arms"
TRIALS_ONLY, ARMS_ONLY = "tags.`ablate.kind` = 'trial'", "tags.`ablate.kind` = 'arm'"
LOADED = 100
"""How many runs MLflow's page loads at once: of a study with more trials its arms show more."""
BY_LAYER = ("alpha_by_layer", "beta_by_layer")


def prepared_views(*, factors: Sequence[str], curves: Sequence[str], primary: str) -> dict[str, str]:
    """The experiment tags that hold the views.

    Curves of trials grouped by arm; parallel coordinates over factors, of trials; and both of arms.
    """
    curves, primary = [*map(clean_key, curves)], clean_key(primary)
    coordinates = parallel([*map(clean_key, factors)], primary)
    lines = [_line(metric, place) for place, metric in enumerate(curves)]
    bars = [] if primary in curves else [_bar(primary, len(curves))]
    layers = [_line(metric, len(lines) + place) for place, metric in enumerate(BY_LAYER)]
    return {
        PREFIX + CURVES: packed(curve_view([*lines, *bars])),
        PREFIX + FACTORS: packed(_page([coordinates], "Factors")),
        PREFIX + ARMS: packed(arm_view([coordinates, *bars, *lines, *layers])),
    }


def link(experiment_id: str, key: str = CURVES) -> str:
    """What follows MLflow's address to open a view."""
    query = f"viewStateShareKey={key}&compareRunsMode=CHART&workflowType=machine_learning"
    return f"/#/experiments/{experiment_id}/runs?{query}"


def packed(state: Mapping[str, Any]) -> str:
    """A page state as MLflow keeps it in a tag."""
    text = json.dumps(state, separators=(",", ":")).encode()
    return "deflate;" + base64.b64encode(zlib.compress(text)).decode()


def curve_view(charts: list[dict[str, Any]]) -> dict[str, Any]:
    """One line chart a metric, averaged over the seeds of each arm."""
    group = {
        "aggregateFunction": "average",
        "groupByKeys": [{"mode": "param", "groupByData": "arm"}],
        "ignoreUngroupedRuns": True,
    }
    # In the order of arms the runs that are loaded are whole arms, not some seeds of each.
    return {
        **_page(charts, "Curves by arm"),
        "groupBy": group,
        "orderByKey": "params.`arm`",
        "orderByAsc": True,
    }


def arm_view(charts: list[dict[str, Any]]) -> dict[str, Any]:
    """Every arm by one run, in the order of the study, which their starts have."""
    return {**_page(charts, "Arms"), "searchFilter": ARMS_ONLY, "orderByAsc": True}


def parallel(factors: Sequence[str], primary: str) -> dict[str, Any]:
    """Parallel coordinates from the factors to the primary metric; it does not show while grouped."""
    return {
        "uuid": "ablate-parallel",
        "type": "PARALLEL",
        "runsCountToCompare": 500,
        "metricSectionId": "ablate",
        "deleted": False,
        "isGenerated": False,
        "selectedParams": list(factors),
        "selectedMetrics": [primary],
        "showAllRuns": True,
    }


def _line(metric: str, place: int) -> dict[str, Any]:
    return {
        "uuid": f"ablate-line-{place}",
        "type": "LINE",
        "runsCountToCompare": 500,
        "metricSectionId": "ablate",
        "deleted": False,
        "isGenerated": False,
        "metricKey": metric,
        "selectedMetricKeys": [metric],
        "scaleType": "linear",
        "xAxisKey": "step",
        "xAxisScaleType": "linear",
        "lineSmoothness": 0,
        "useGlobalLineSmoothing": False,
        "useGlobalXaxisKey": False,
        "displayPoints": False,
        "selectedYAxisMetricKey": metric,
        "selectedXAxisMetricKey": "",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "range": {},
    }


def _bar(metric: str, place: int) -> dict[str, Any]:
    return {
        "uuid": f"ablate-bar-{place}",
        "type": "BAR",
        "runsCountToCompare": 500,
        "metricSectionId": "ablate",
        "deleted": False,
        "isGenerated": False,
        "metricKey": metric,
    }


def _page(charts: list[dict[str, Any]], title: str) -> dict[str, Any]:
    return {
        "searchFilter": TRIALS_ONLY,
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": ["attributes.`Source`", "attributes.`Duration`"],
        "runsExpanded": {},
        "runsPinned": [],
        "runsHidden": [],
        "runsHiddenMode": "SHOWALL",
        "runsVisibilityMap": {},
        "viewMaximized": False,
        "runListHidden": False,
        "compareRunsMode": "CHART",
        "isAccordionReordered": True,
        "groupBy": None,
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
        "chartsSearchFilter": "",
        "compareRunSections": [
            {
                "uuid": "ablate",
                "name": title,
                "display": True,
                "isReordered": True,
                "deleted": False,
                "isGenerated": False,
            }
        ],
        "compareRunCharts": charts,
        "autoRefreshEnabled": True,
    }
