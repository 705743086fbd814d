"""The configs of export/serving: TF-Serving can read them, and they agree with the documents."""

import json
import re
from pathlib import Path

import pytest
import yaml
from checkout import ROOT
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from tensorflow_serving.config import model_server_config_pb2

from tf_gradsr import client

SERVING = ROOT / "export" / "serving"
# tensorflow-serving-api leaves these protos out. From github.com/tensorflow/serving, tensorflow_serving/:
# servables/tensorflow/session_bundle_config.proto (BatchingParameters), config/monitoring_config.proto.
PROTOS = {
    "Int64Value": {"value": (1, "int64", False)},
    "BatchingParameters": {
        "max_batch_size": (1, "Int64Value", False),
        "batch_timeout_micros": (2, "Int64Value", False),
        "max_enqueued_batches": (3, "Int64Value", False),
        "num_batch_threads": (4, "Int64Value", False),
        "allowed_batch_sizes": (6, "int64", True),
        "pad_variable_length_inputs": (7, "bool", False),
    },
    "PrometheusConfig": {"enable": (1, "bool", False), "path": (2, "string", False)},
    "MonitoringConfig": {"prometheus_config": (1, "PrometheusConfig", False)},
}
SCALARS = {
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
}


def message_class(name):
    file = descriptor_pb2.FileDescriptorProto(name="serving.proto", package="serving", syntax="proto3")
    for message, fields in PROTOS.items():
        described = file.message_type.add(name=message)
        for field, (number, kind, repeated) in fields.items():
            added = described.field.add(name=field, number=number, label=3 if repeated else 1)
            if kind in SCALARS:
                added.type = SCALARS[kind]
            else:
                added.type, added.type_name = added.TYPE_MESSAGE, f".serving.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"serving.{name}"))


CLASSES = {
    "models.config": model_server_config_pb2.ModelServerConfig,
    "batching.config": message_class("BatchingParameters"),
    "monitoring.config": message_class("MonitoringConfig"),
}


def parsed(name, text=None):
    """Reads a text proto as TF-Serving does: an unknown name is an error."""
    text = (SERVING / name).read_text(encoding="utf-8") if text is None else text
    return text_format.Parse(text, CLASSES[name]())


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((SERVING / "docker-compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def manifest():
    """{kind: object}; for services {name: object}."""
    objects = list(yaml.safe_load_all((SERVING / "kubernetes.yaml").read_text(encoding="utf-8")))
    services = {o["metadata"]["name"]: o for o in objects if o["kind"] == "Service"}
    return {**{o["kind"]: o for o in objects}, "Service": services}


def flags(arguments):
    """["--port=8500", ...] -> {"port": "8500", ...}."""
    assert all(re.fullmatch(r"--\w+=\S+", one) for one in arguments), arguments
    return dict(one.removeprefix("--").split("=", 1) for one in arguments)


def test_text_protos_are_what_the_server_reads():
    (model,) = parsed("models.config").model_config_list.config
    assert (model.name, model.base_path, model.model_platform) == ("gradsr", "/models/gradsr", "tensorflow")
    assert model.model_version_policy.latest.num_versions == 1
    monitoring = parsed("monitoring.config").prometheus_config
    assert monitoring.enable and monitoring.path.startswith("/")
    batching = parsed("batching.config")
    # Padding pictures of another size would change the answers.
    assert not batching.pad_variable_length_inputs and not batching.allowed_batch_sizes
    for name in ("max_batch_size", "batch_timeout_micros", "num_batch_threads", "max_enqueued_batches"):
        assert getattr(batching, name).value > 0
    with pytest.raises(text_format.ParseError):
        parsed("batching.config", "batch_size { value: 3 }")


def test_the_client_asks_for_what_is_served():
    settings = client.build_parser().parse_args(["face.png"])
    assert settings.model == parsed("models.config").model_config_list.config[0].name
    assert (client.GRPC_PORT, client.REST_PORT) == (8500, 8501)


@pytest.mark.parametrize("name", ["serving", "serving-batching"])
def test_compose_agrees_with_the_configs(compose, name):
    service = compose["services"][name]
    given = flags(service["command"])
    mounted = {volume["target"]: volume for volume in service["volumes"]}
    assert all(volume["read_only"] for volume in mounted.values())
    (model,) = parsed("models.config").model_config_list.config
    assert mounted[model.base_path]["source"] == "${GRADSR_MODEL:-../../models/gradsr}"
    files = [value for value in given.values() if value.startswith("/config/")]
    assert len(files) >= 2
    for file in files:
        assert (SERVING / mounted[file]["source"]).name == Path(file).name
        assert (SERVING / mounted[file]["source"]).is_file()
    assert given["port"] == "8500" and given["rest_api_port"] == "8501"
    assert [port.rsplit(":", 1)[1] for port in service["ports"]] == ["8500", "8501"]
    assert f"/v1/models/{model.name} " in service["healthcheck"]["test"][-1]
    assert not service["user"].startswith("0")


def test_only_the_profile_batches_and_without_warm_up(compose):
    plain, batching = (compose["services"][name] for name in ("serving", "serving-batching"))
    assert "profiles" not in plain and batching["profiles"] == ["batching"]
    assert "enable_batching" not in flags(plain["command"])
    given = flags(batching["command"])
    # The warm-up file's requests to sample hold scalars, which cannot be batched: loading would fail.
    assert given["enable_batching"] == "true" and given["enable_model_warmup"] == "false"
    hosts = [port.rsplit(":", 1)[0] for service in (plain, batching) for port in service["ports"]]
    assert len(set(hosts)) == 4


def test_kubernetes_agrees_with_the_configs(manifest):
    config = manifest["ConfigMap"]["data"]
    assert set(config) == set(CLASSES)
    for name, text in config.items():
        assert parsed(name, text) == parsed(name), name
    pod = manifest["Deployment"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    given = flags(container["args"])
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    assert set(mounts) == set(volumes)
    assert volumes["config"]["configMap"]["name"] == manifest["ConfigMap"]["metadata"]["name"]
    claim = manifest["PersistentVolumeClaim"]["metadata"]["name"]
    assert volumes["models"]["persistentVolumeClaim"]["claimName"] == claim
    (model,) = parsed("models.config").model_config_list.config
    assert model.base_path == f"{mounts['models']['mountPath']}/{model.name}"
    for flag in ("model_config_file", "monitoring_config_file"):
        folder, name = given[flag].rsplit("/", 1)
        assert folder == mounts["config"]["mountPath"] and name in config
    assert "enable_batching" not in given
    annotations = pod["metadata"]["annotations"]
    assert annotations["prometheus.io/path"] == parsed("monitoring.config").prometheus_config.path
    assert annotations["prometheus.io/port"] == given["rest_api_port"]


def test_probes_services_and_the_autoscaler_find_the_pods(manifest):
    deployment = manifest["Deployment"]
    pod = deployment["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    given = flags(container["args"])
    assert ports == {"grpc": given["port"], "rest": given["rest_api_port"]}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/v1/models/gradsr", "port": "rest"}
    labels = pod["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    for service in manifest["Service"].values():
        assert service["spec"]["selector"] == labels
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= set(ports)
    scaler = manifest["HorizontalPodAutoscaler"]["spec"]
    assert scaler["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert "replicas" not in deployment["spec"]
    # Utilisation is a share of what is requested.
    assert container["resources"]["requests"]["cpu"] == container["resources"]["limits"]["cpu"]
    assert given["tensorflow_intra_op_parallelism"] == container["resources"]["limits"]["cpu"]
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True


def test_one_image_everywhere(compose, manifest):
    images = {service["image"] for service in compose["services"].values()}
    images |= {c["image"] for c in manifest["Deployment"]["spec"]["template"]["spec"]["containers"]}
    (image,) = images
    assert re.fullmatch(r"tensorflow/serving:\d+\.\d+\.\d+", image)
    for document in (ROOT / "docs" / "how_to" / "serve.md", SERVING / "README.md"):
        named = set(re.findall(r"tensorflow/serving:[\w.-]+", document.read_text(encoding="utf-8")))
        assert named <= {image}, document


def test_documents_name_existing_files():
    for document in (ROOT / "docs" / "how_to" / "serve.md", SERVING / "README.md"):
        text = document.read_text(encoding="utf-8")
        for path in re.findall(r"export/serving/[\w.-]+\w", text):
            assert (ROOT / path).exists(), path


def test_the_claim_is_filled_where_the_server_looks(manifest):
    text = (SERVING / "README.md").read_text(encoding="utf-8")
    pod = json.loads(re.search(r"--overrides='(.*?)'$", text, re.MULTILINE | re.DOTALL).group(1))["spec"]
    (volume,), (container,) = pod["volumes"], pod["containers"]
    claim = manifest["PersistentVolumeClaim"]["metadata"]["name"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim
    assert container["volumeMounts"] == [{"name": volume["name"], "mountPath": "/models"}]
    (model,) = parsed("models.config").model_config_list.config
    assert f"mv {model.base_path}/.1 {model.base_path}/1" in text
