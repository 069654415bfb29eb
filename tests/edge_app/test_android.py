"""The Android package: its parts, and where Debian's tools are here, the package itself."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from edge_app.android import build
from edge_app.site import MEDIA_TYPES, build_site, write_site
from models.errors import InputError
from tests.edge_app.sites import write_pages, write_web_bundle

ANDROID = "{http://schemas.android.com/apk/res/android}"
PROBE = """package bombus.app;

public final class Probe {
    public static void main(String[] paths) {
        for (String path : paths) {
            System.out.println(Pages.typeOf(path));
        }
        System.out.println(MainActivity.onlyImages(new String[] {"image/*", "image/heic"}));
        System.out.println(MainActivity.onlyImages(new String[] {".zip", "application/zip"}));
        System.out.println(MainActivity.onlyImages(new String[] {""}));
        System.out.println(MainActivity.onlyImages(new String[] {}));
    }
}
"""
R_JAVA = """package bombus.app;

final class R {
    static final class raw { static final int export = 1; }
    static final class string { static final int not_saved = 2; }
}
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small site, with the files that a WebView has no use for."""
    folder = tmp_path_factory.mktemp("android")
    pages = write_pages(folder / "pages")
    (pages / "rt" / "litert_wasm_threaded_internal.wasm").write_bytes(b"threads")
    write_site(build_site([write_web_bundle(folder / "tiny")], pages), folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def apk(site: Path) -> Path:
    """The package of the small site."""
    require_tools("aapt", "dexdump")
    out = site.parent / "bombus.apk"
    assert build.main(["--site", str(site), "--out", str(out)]) == 0
    return out


def require_tools(*more: str) -> None:
    """Skip the test where a tool of the build, or one more, is missing."""
    try:
        build.refuse_missing_tools()
    except InputError as error:
        pytest.skip(str(error))
    for tool in more:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")


def output(*command: object) -> str:
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=True
    ).stdout


def test_asks_for_the_camera_alone() -> None:
    manifest = ElementTree.parse(build.HERE / "AndroidManifest.xml").getroot()
    permissions = [p.get(f"{ANDROID}name") for p in manifest.iter("uses-permission")]
    assert permissions == ["android.permission.CAMERA"]
    assert all(f.get(f"{ANDROID}required") == "false" for f in manifest.iter("uses-feature"))
    [application] = manifest.iter("application")
    assert application.get(f"{ANDROID}allowBackup") == "false"


def test_the_shell_knows_what_the_server_says() -> None:
    java = build.served()
    assert 'TYPES.put("wasm", "application/wasm");' in java
    assert 'TYPES.put("js", "text/javascript; charset=utf-8");' in java
    assert 'HEADERS.put("X-Content-Type-Options", "nosniff");' in java
    assert "script-src 'self' 'wasm-unsafe-eval';" in java
    assert java.count(".put(") == len(MEDIA_TYPES) + len(build.SHELL_HEADERS)
    assert "Cross-Origin" not in java


def test_leaves_out_what_a_webview_cannot_run(site: Path) -> None:
    packaged = {path.as_posix() for path in build.packaged(site)}
    assert {"index.html", "rt/litert.wasm", "models/index.json"} <= packaged
    left_out = {p.relative_to(site).as_posix() for p in site.rglob("*") if p.is_file()} - packaged
    assert left_out == {"sw.js", "rt/litert_wasm_threaded_internal.wasm"}


def test_versions_are_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "ROOT", tmp_path)
    codes = []
    for name in ("0.1.0", "0.1.12", "0.2.0", "1.0.0"):
        (tmp_path / "pyproject.toml").write_text(f'[project]\nversion = "{name}"\n')
        assert build.version()[1] == name
        codes.append(build.version()[0])
    assert codes == sorted(set(codes))


def test_names_the_missing_packages(
    site: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(build, "FRAMEWORK", tmp_path / "nothing.apk")
    assert build.main(["--site", str(site), "--out", str(tmp_path / "bombus.apk")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    for package in ("aapt", "android-framework-res", "apksigner", "npm", "zipalign"):
        assert f" {package}" in said
    assert not (tmp_path / "bombus.apk").exists()


def test_refuses_what_is_no_site(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no index\.html"):
        build.packaged(tmp_path)


def test_refuses_another_dx(
    site: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in build.TOOLS:
        (tools / tool).write_text("#!/bin/sh\nexit 0\n")
    (tools / "npm").write_text('#!/bin/sh\nfor folder; do :; done\necho x > "$folder/dx.tgz"\n')
    for script in tools.iterdir():
        script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.setattr(build, "FRAMEWORK", site / "index.html")
    monkeypatch.setattr(build, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(build, "compile_java", lambda work: (work, work))
    (tmp_path / "bombus.apk").write_bytes(b"of yesterday")
    assert build.main(["--site", str(site), "--out", str(tmp_path / "bombus.apk")]) == 6
    said = capsys.readouterr().err
    assert "tns-android@5.0.0" in said
    assert said.count("\n") == 1
    assert (tmp_path / "bombus.apk").read_bytes() == b"of yesterday"
    assert not (tmp_path / "cache" / "dx.jar").exists()


@pytest.mark.parametrize(("size", "broken"), [(0, False), (60_001, False), (60_001, True)])
def test_a_download_reaches_the_shell_whole_or_is_given_up(size: int, broken: bool) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    script = (build.HERE / "res" / "raw" / "export.js").read_text()
    harness = f"""
      const whole = Uint8Array.from({{ length: {size} }}, (_, i) => (i * 7) % 256);
      const pieces = [];
      globalThis.bombusBlob = Promise.resolve(new Blob([whole]));
      globalThis.bombusExport = {{
        write(base64) {{
          if ({json.dumps(broken)} && pieces.length) throw new Error("no space left");
          pieces.push(Buffer.from(base64, "base64"));
        }},
        close(complete) {{
          console.log(JSON.stringify([complete, Buffer.concat(pieces).equals(whole)]));
        }},
      }};
      {script}"""
    assert json.loads(output(node, "-e", harness)) == [not broken, not broken]


@pytest.mark.slow
def test_the_shell_logic_on_a_desktop(tmp_path: Path) -> None:
    require_tools()
    (tmp_path / "java").mkdir()
    (tmp_path / "java" / "Probe.java").write_text(PROBE)
    (tmp_path / "java" / "R.java").write_text(R_JAVA)
    stubs, classes = build.compile_java(tmp_path)
    paths = [f"assets/a.b{suffix}" for suffix in MEDIA_TYPES] + ["models/m.tflite", "rt/no-suffix"]
    said = output("java", "-cp", f"{stubs}:{classes}", "bombus.app.Probe", *paths).split("\n")
    assert said[: len(paths)] == [*MEDIA_TYPES.values(), *["application/octet-stream"] * 2]
    assert said[len(paths) :] == ["true", "false", "false", "false", ""]


@pytest.mark.slow
def test_android_will_take_the_package(apk: Path) -> None:
    badging = output("aapt", "dump", "badging", apk)
    code, name = build.version()
    assert f"package: name='bombus.app' versionCode='{code}' versionName='{name}'" in badging
    assert "\nsdkVersion:'24'" in badging
    assert "\ntargetSdkVersion:'36'" in badging
    assert badging.count("uses-permission") == 1
    assert "uses-permission: name='android.permission.CAMERA'" in badging
    assert "launchable-activity: name='bombus.app.MainActivity'" in badging
    assert "application-debuggable" not in badging
    signed = output("apksigner", "verify", "-v", apk)
    for scheme in ("v2 scheme (APK Signature Scheme v2)", "v3 scheme (APK Signature Scheme v3)"):
        assert f"Verified using {scheme}: true" in signed
    output("zipalign", "-c", "4", apk)
    with zipfile.ZipFile(apk) as archive:  # else Android 11 and later refuse it
        assert archive.getinfo("resources.arsc").compress_type == zipfile.ZIP_STORED


@pytest.mark.slow
def test_holds_our_classes_and_no_stub(apk: Path) -> None:
    lines = [line for line in output("dexdump", apk).splitlines() if "Class descriptor" in line]
    classes = [line.split("'")[1] for line in lines]
    assert "Lbombus/app/MainActivity;" in classes
    assert [name for name in classes if not name.startswith("Lbombus/app/")] == []


@pytest.mark.slow
def test_holds_the_site(apk: Path, site: Path) -> None:
    with zipfile.ZipFile(apk) as archive:
        names = [name for name in archive.namelist() if name.startswith("assets/")]
        assets = {name.removeprefix("assets/"): archive.read(name) for name in names}
    assert assets == {p.as_posix(): (site / p).read_bytes() for p in build.packaged(site)}


@pytest.mark.slow
def test_two_builds_are_the_same(apk: Path, site: Path, tmp_path: Path) -> None:
    build.build(site, tmp_path / "again.apk")
    assert (tmp_path / "again.apk").read_bytes() == apk.read_bytes()
