"""Um disco de verdade, pequeno, num espaço de montagem só do processo que o pede: só no Linux."""

from __future__ import annotations

from typing import Final

MONTAR: Final = """
import ctypes, os, sys
def montar(ponto, tamanho):
    libc = ctypes.CDLL(None, use_errno=True)
    CLONE_NEWNS, CLONE_NEWUSER, MS_REC, MS_PRIVATE = 0x20000, 0x10000000, 0x4000, 0x40000
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNS | (CLONE_NEWUSER if uid else 0)):
        sys.exit(f"unshare: {os.strerror(ctypes.get_errno())}")
    if uid:
        mapas = {"setgroups": "deny", "uid_map": f"0 {uid} 1", "gid_map": f"0 {gid} 1"}
        for nome, texto in mapas.items():
            with open(f"/proc/self/{nome}", "w") as arquivo:
                arquivo.write(texto)
    libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    if libc.mount(b"tmpfs", ponto.encode(), b"tmpfs", 0, f"size={tamanho}".encode()):
        sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
    return libc
"""
"""O começo de um programa: `montar(ponto, tamanho)` põe em `ponto` um disco vazio deste tamanho (em
bytes, ou «4m»), e devolve a libc."""
