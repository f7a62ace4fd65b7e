"""Prepared views of MLflow's comparison page, saved with the experiment and opened by a link."""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from service.worker.mlflow.tracker import clean_key

PREFIX = "mlflow.sharedViewState."
CURVES, FACTORS = "ablate-curves", "ablate-factors"
TRIALS_ONLY = "tags.`ablate.kind` = 'trial'"


def prepared_views(*, factors: Sequence[str], curves: Sequence[str], primary: str) -> dict[str, str]:
    """The experiment tags that hold both views: curves grouped by arm, parallel coordinates over factors."""
    return {
        PREFIX + CURVES: packed(curve_view([clean_key(name) for name in curves], [clean_key(primary)])),
        PREFIX + FACTORS: packed(factor_view([clean_key(name) for name in factors], clean_key(primary))),
    }


def link(experiment_id: str, key: str = CURVES) -> str:
    """What follows MLflow's address to open a view."""
    query = f"viewStateShareKey={key}&compareRunsMode=CHART&workflowType=machine_learning"
    return f"/#/experiments/{experiment_id}/runs?{query}"


def packed(state: Mapping[str, Any]) -> str:
    """A page state as MLflow keeps it in a tag."""
    text = json.dumps(state, separators=(",", ":")).encode()
    return "deflate;" + base64.b64encode(zlib.compress(text)).decode()


def curve_view(curves: Sequence[str], bars: Sequence[str]) -> dict[str, Any]:
    """One line chart a metric, averaged over the seeds of each arm."""
    charts = [_line(metric, place) for place, metric in enumerate(curves)]
    charts += [_bar(metric, len(curves) + place) for place, metric in enumerate(bars) if metric not in curves]
    group = {
        "aggregateFunction": "average",
        "groupByKeys": [{"mode": "param", "groupByData": "arm"}],
        "ignoreUngroupedRuns": True,
    }
    # The page loads a hundred runs. In the order of arms these are whole arms, not some seeds of each.
    return {**_page(charts, "Curves by arm", group), "orderByKey": "params.`arm`", "orderByAsc": True}


def factor_view(factors: Sequence[str], primary: str) -> dict[str, Any]:
    """Parallel coordinates from the factors to the primary metric; it does not show while grouped."""
    chart = {
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
    return _page([chart], "Factors", None)


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


def _page(charts: list[dict[str, Any]], title: str, group: Mapping[str, Any] | None) -> dict[str, Any]:
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
        "groupBy": group,
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
