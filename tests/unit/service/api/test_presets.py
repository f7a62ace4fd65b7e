"""`/v1/presets`: studies that can be posted as they come."""

from starlette.testclient import TestClient

from ablations.paper import presets


def test_lists_every_preset_with_its_scales(client: TestClient) -> None:
    items = client.get("/v1/presets").json()["items"]
    assert [item["name"] for item in items] == presets.names()
    (depth,) = [item for item in items if item["name"] == "mnist-depth"]
    assert list(depth["scales"]) == ["smoke", "laptop", "paper"]


def test_shows_a_preset_at_a_scale_as_study_and_as_text(client: TestClient) -> None:
    shown = client.get("/v1/presets/mnist-depth", params={"scale": "laptop"}).json()
    assert shown["study"] == dict(presets.preset("mnist-depth", "laptop").study)
    assert shown["yaml"] == presets.text("mnist-depth", "laptop")


def test_refuses_what_there_is_not(client: TestClient) -> None:
    missing = client.get("/v1/presets/nothing")
    assert missing.status_code == 404 and "mnist-depth" in missing.json()["errors"][0]["allowed"]
    unscaled = client.get("/v1/presets/demo", params={"scale": "paper"})
    assert unscaled.status_code == 422 and unscaled.json()["errors"][0]["allowed"] == ["smoke"]
    assert client.get("/v1/presets/demo", params={"scale": "huge"}).status_code == 422
