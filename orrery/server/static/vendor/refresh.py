"""Fetch the libraries of the studio's pages from npm again, with their licences: files as they were published.

    python orrery/server/static/vendor/refresh.py            # the versions below
    python orrery/server/static/vendor/refresh.py --check    # compare what is here with npm; change nothing

To take another version, change it here, run this, and read the library's changes. Only the comments that point to
source maps, which are not fetched, are taken out.
"""

import io
import json
import re
import sys
import tarfile
import urllib.request
from pathlib import Path

REGISTRY = "https://registry.npmjs.org"
HERE = Path(__file__).parent
PACKAGES = {
    "preact": ("10.29.8", {"dist/preact.module.js": "preact.js", "hooks/dist/hooks.module.js": "preact-hooks.js"}),
    "@preact/signals-core": ("1.14.5", {"dist/signals-core.module.js": "signals-core.js"}),
    "@preact/signals": ("2.11.4", {"dist/signals.module.js": "signals.js"}),
    "htm": ("3.1.1", {"dist/htm.module.js": "htm.js"}),
    "uplot": ("1.6.32", {"dist/uPlot.esm.js": "uplot.js", "dist/uPlot.min.css": "uplot.css"}),
    "katex": ("0.19.1", {"dist/katex.min.js": "katex.js"}),
}


def files_of(package: str, version: str, wanted: dict[str, str]) -> dict[str, bytes]:
    """The wanted files of a package and its licence, by the names that they get here."""
    base = package.rpartition("/")[2]
    with urllib.request.urlopen(f"{REGISTRY}/{package}/-/{base}-{version}.tgz", timeout=60) as answer:
        content = answer.read()
    files = {}
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for inside, name in {**wanted, "LICENSE": f"{base}.LICENSE"}.items():
            member = archive.extractfile(f"package/{inside}")
            assert member is not None
            files[name] = re.sub(rb"\n?//# sourceMappingURL=\S+", b"", member.read())
    return files


def main() -> None:
    """Write the files, or say which differ."""
    found: dict[str, bytes] = {}
    for package, (version, wanted) in PACKAGES.items():
        found |= files_of(package, version, wanted)
    found["versions.json"] = json.dumps({name: version for name, (version, _) in PACKAGES.items()}, indent=2).encode()
    different = [name for name, content in found.items() if not same(HERE / name, content)]
    if "--check" in sys.argv:
        sys.exit(f"other than on npm: {', '.join(different)}" if different else 0)
    for name in different:
        (HERE / name).write_bytes(found[name])
    print(f"{len(different)} of {len(found)} files changed")


def same(path: Path, content: bytes) -> bool:
    """Whether a file has this content."""
    return path.is_file() and path.read_bytes() == content


if __name__ == "__main__":
    main()
