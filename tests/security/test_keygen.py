"""``mpsim portal keygen``."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from commanding import Mpsim

from mpsim.tunnel.security.keys import from_text, to_text
from mpsim.tunnel.security.primitives import public_of


def test_a_private_key_and_its_public_one(mpsim: Mpsim, tmp_path: Path) -> None:
    file = tmp_path / "nc0.key"
    made = mpsim("portal", "keygen", file)
    assert made.status == 0
    assert made.out.strip() == to_text(public_of(from_text(file.read_text())))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert mpsim("portal", "keygen", "--public", file).out == made.out


def test_no_key_is_overwritten(mpsim: Mpsim, tmp_path: Path) -> None:
    file = tmp_path / "nc0.key"
    file.write_text("precious")
    ended = mpsim("portal", "keygen", file)
    assert (ended.status, ended.out) == (2, "")
    assert "never overwritten" in ended.err
    assert file.read_text() == "precious"


def test_shared_keys_differ_and_are_not_printed(mpsim: Mpsim, tmp_path: Path) -> None:
    files = [tmp_path / "one", tmp_path / "two"]
    said = "".join(mpsim("portal", "keygen", "--shared", file).out for file in files)
    keys = [file.read_text().strip() for file in files]
    assert keys[0] != keys[1]
    assert not any(key in said for key in keys)


@pytest.mark.parametrize("text", ["", "short", "AAAA"])
def test_a_file_that_holds_no_key(text: str, mpsim: Mpsim, tmp_path: Path) -> None:
    file = tmp_path / "nc0.key"
    file.write_text(text)
    ended = mpsim("portal", "keygen", "--public", file)
    assert ended.status == 2
    assert "key" in ended.err
