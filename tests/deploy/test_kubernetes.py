"""The manifests: files that fit together, objects that Kubernetes' own schemas accept, settings that exist."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import yaml

from grader_service import keys
from grader_service.settings import Settings
from tests.deploy.places import DEPLOY, read, read_all, run

FOLDER = DEPLOY / "kubernetes"
BASE = FOLDER / "base"
KUSTOMIZATIONS = [BASE, FOLDER / "gvisor"]
VERSIONS = ("1.29", "1.34")
WITHOUT_SCHEMA = {"ServiceMonitor"}
SETTINGS = {f"GRADER_{name.upper()}" for name in Settings.model_fields}


def objects(folder: Path) -> list[Any]:
    """Of every YAML file that the kustomization names; a folder is followed."""
    described = read(folder / "kustomization.yaml")
    found = []
    for name in described.get("resources", ()):
        path = folder / name
        found += objects(path) if path.is_dir() else read_all(path.read_text())
    return found


def pod() -> Any:
    return next(each for each in objects(BASE) if each["kind"] == "Deployment")["spec"]["template"][
        "spec"
    ]


def container(name: str) -> Any:
    spec = pod()
    return next(
        each for each in spec["initContainers"] + spec["containers"] if each["name"] == name
    )


@pytest.mark.parametrize("folder", [*KUSTOMIZATIONS, DEPLOY / "engine"], ids=lambda path: path.name)
def test_files_of_a_kustomization_are_there(folder: Path) -> None:
    described = read(folder / "kustomization.yaml")
    named = [*described.get("resources", ()), *described.get("components", ())]
    named += [patch["path"] for patch in described.get("patches", ())]
    for generator in described.get("configMapGenerator", ()):
        named += [*generator.get("files", ()), *generator.get("envs", ())]
    assert named
    for name in named:
        assert (folder / name).exists(), name


def test_every_file_is_used_or_says_that_it_is_an_example() -> None:
    used = {
        "kustomization.yaml",
        "secret.example.yaml",
        *read(BASE / "kustomization.yaml")["resources"],
    }
    assert {path.name for path in BASE.glob("*.yaml")} == used


@pytest.mark.parametrize("folder", KUSTOMIZATIONS, ids=lambda path: path.name)
def test_kustomize_builds(folder: Path) -> None:
    built = run("kubectl", "kustomize", str(folder))
    assert built.returncode == 0, built.stderr
    kinds = [each["kind"] for each in read_all(built.stdout)]
    assert kinds.count("ConfigMap") == 3
    assert "Secret" not in kinds


@pytest.mark.parametrize("version", VERSIONS)
def test_schemas_of_kubernetes_accept_the_objects(version: str) -> None:
    if importlib.util.find_spec("kubernetes_validate") is None:
        pytest.skip("##### NOT CHECKED: the package kubernetes-validate is not installed #####")
    import kubernetes_validate

    example = read_all((BASE / "secret.example.yaml").read_text())
    for each in [*objects(BASE), *objects(FOLDER / "gvisor"), *example]:
        if each["kind"] not in WITHOUT_SCHEMA:
            kubernetes_validate.validate(each, version, strict=True)


def test_labels_and_selectors_meet() -> None:
    label = {"app.kubernetes.io/name": "grader-service"}
    by_kind = {each["kind"]: each["spec"] for each in objects(BASE) if "spec" in each}
    assert by_kind["Deployment"]["template"]["metadata"]["labels"] == label
    assert by_kind["Deployment"]["selector"]["matchLabels"] == label
    assert by_kind["Service"]["selector"] == label
    assert by_kind["PodDisruptionBudget"]["selector"]["matchLabels"] == label
    assert by_kind["NetworkPolicy"]["podSelector"]["matchLabels"] == label


def secrets() -> dict[str, dict[str, str]]:
    """The example's Secrets by their names."""
    documents = read_all((BASE / "secret.example.yaml").read_text())
    return {each["metadata"]["name"]: each["stringData"] for each in documents}


def test_settings_exist() -> None:
    lines = (BASE / "settings.env").read_text().splitlines()
    assert {line.partition("=")[0] for line in lines} | set(secrets()["grader-judge"]) <= SETTINGS


def test_the_example_holds_no_secret() -> None:
    assert "REPLACE-ME" in secrets()["grader-judge"]["GRADER_LLM_API_KEY"]
    for named in keys.parse(secrets()["grader-keys"]["api-keys"], bare=False):
        assert "REPLACE-ME" in named.key.get_secret_value()


def test_the_keys_are_where_the_service_reads_them() -> None:
    settings = dict(line.split("=", 1) for line in (BASE / "settings.env").read_text().splitlines())
    folder, _, file = settings["GRADER_API_KEYS_FILE"].rpartition("/")
    (mount,) = [each for each in container("grader")["volumeMounts"] if each["mountPath"] == folder]
    (volume,) = [each for each in pod()["volumes"] if each["name"] == mount["name"]]
    assert file in secrets()[volume["secret"]["secretName"]]
    assert "subPath" not in mount  # such a mount is never renewed


def test_the_services_container_is_restricted() -> None:
    """Pod Security Standards, level restricted."""
    context = container("grader")["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["readOnlyRootFilesystem"] is True
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}


def test_the_pod_stops_after_its_requests() -> None:
    settings = dict(line.split("=", 1) for line in (BASE / "settings.env").read_text().splitlines())
    pause = int(container("grader")["lifecycle"]["preStop"]["exec"]["command"][1])
    wanted = pause + int(settings["GRADER_SHUTDOWN_SECONDS"])
    assert pod()["terminationGracePeriodSeconds"] > wanted


def test_volumes_are_mounted_and_mounts_are_volumes() -> None:
    spec = pod()
    mounted = {
        mount["name"]
        for each in spec["initContainers"] + spec["containers"]
        for mount in each["volumeMounts"]
    }
    assert mounted == {volume["name"] for volume in spec["volumes"]}


def test_compose_and_kubernetes_start_the_same_engine() -> None:
    compose = yaml.safe_load((DEPLOY.parent / "docker-compose.yml").read_text())["services"][
        "engine"
    ]
    engine = container("engine")

    def options(arguments: list[str]) -> set[str]:
        return {each for each in arguments if not each.startswith("--data-root")}

    assert engine["command"] == compose["entrypoint"]
    assert options(engine["args"]) == options(compose["command"])


def test_the_autoscalers_metrics_have_adapter_rules() -> None:
    scaler = next(each for each in objects(BASE) if each["kind"] == "HorizontalPodAutoscaler")
    wanted = {each["pods"]["metric"]["name"] for each in scaler["spec"]["metrics"]}
    rules = read(FOLDER / "prometheus-adapter.yaml")["rules"]["custom"]
    made = {
        rule.get("name", {}).get("as") or rule["seriesQuery"].partition("{")[0] for rule in rules
    }
    assert made == wanted
