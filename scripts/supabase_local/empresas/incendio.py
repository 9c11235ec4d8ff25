"""O fim da demonstração: o computador queima com os backups dentro, e uma chave traz uma empresa de
volta da cópia que estava fora dele. Tudo se passa numa pasta, com um computador, um pendrive, um
disco externo e um computador novo de brincadeira; os programas são os de verdade.

A pasta é uma temporária do sistema: os programas recusam uma chave que abre dentro do projeto."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pyrage import x25519

from supabase_local.empresas import acidente
from supabase_local.empresas.acidente import VITIMA
from supabase_local.empresas.ao_vivo import rodar
from supabase_local.servidores.postgres import Banco


@dataclass(frozen=True, slots=True)
class Scripts:
    """Os dois programas."""

    backup: Path
    restauracao: Path


class _Falhou(Exception):
    """Um dos programas terminou com este código."""

    def __init__(self, codigo: int) -> None:
        super().__init__(codigo)
        self.codigo = codigo


@dataclass(frozen=True, slots=True)
class _Computador:
    """Onde ficam os backups de um computador e o perfil de quem o usa, e com que variáveis os
    programas rodam nele."""

    pasta: Path
    ambiente: Mapping[str, str]

    def rodar(self, script: Path, *argumentos: str) -> None:
        """Levanta _Falhou."""
        perfil, backups = str(self.pasta / "perfil"), str(self.pasta / "backups")
        daqui = {"BACKUP_DIR": backups, "XDG_CONFIG_HOME": perfil, "APPDATA": perfil}
        codigo = rodar(script, argumentos, {**self.ambiente, **daqui}, perguntar=False)
        if codigo != 0:
            raise _Falhou(codigo)


def queimar_e_trazer(onde: Banco, scripts: Scripts, ambiente: Mapping[str, str]) -> int | None:
    """Um backup cifrado, com cópia; o acidente; o computador queima; e a primeira empresa volta com
    uma das duas chaves. Devolve o código do último programa; None se uma vizinha mudou. O que fica
    (o pendrive, o disco externo, o computador novo) é para se ver, e a tela diz onde está."""
    pasta = Path(tempfile.mkdtemp(prefix="cofre-incendio-"))
    pendrive, disco = pasta / "pendrive", pasta / "disco-externo"
    for nova in (pendrive, disco):
        nova.mkdir(parents=True)
    com_copia = {**ambiente, "COPIA_DESTINO": f"pasta:{disco}"}
    cifrando = {**com_copia, "BACKUP_CIFRAR_PARA": ",".join(_criar_chaves(pendrive))}
    quem = str(VITIMA.user_id)
    antes, velho = acidente.retrato_das_vizinhas(onde), _Computador(pasta / "computador", cifrando)
    novo = _Computador(pasta / "computador-novo", com_copia)
    try:
        velho.rodar(scripts.backup, "--empresa", quem)
        codigo = _anotar_o_codigo(velho, pendrive)
        acidente.provocar(onde)
        shutil.rmtree(velho.pasta)
        print("🔥 E O COMPUTADOR QUEIMOU, com os backups e tudo o que havia nele")
        _e_no_computador_novo(novo, scripts, codigo, pendrive / "dono.txt")
        ultimo = 0
    except _Falhou as falha:
        ultimo = falha.codigo
    intactas = acidente.mostrar_depois(onde, antes)
    print(f"\n📁 O que sobrou do incêndio está em {pasta} (pode apagá-la)")
    return ultimo if intactas else None


def _criar_chaves(pendrive: Path) -> list[str]:
    """Duas chaves que abrem, no pendrive; devolve as que fecham, que são tudo o que fica no
    computador. Como o `age-keygen` as faria: `chaves criar` as poria no `.env` do projeto."""
    publicas = []
    for quem in ("dono", "reserva"):
        chave = x25519.Identity.generate()
        arquivo = pendrive / f"{quem}.txt"
        arquivo.touch(mode=0o600)
        arquivo.write_text(f"{chave}\n", encoding="utf-8")
        publicas.append(str(chave.to_public()))
    print(f"\n🔐 Duas chaves que abrem, num pendrive: {pendrive}")
    print("   No computador só as que fecham: ele cifra, e não consegue ler")
    return publicas


def _anotar_o_codigo(velho: _Computador, pendrive: Path) -> str:
    """O código de quem assina, que estaria na folha de recuperação."""
    ultima = velho.pasta / "backups" / "ultima_execucao.json"
    dito = json.loads(ultima.read_text(encoding="utf-8"))
    codigo = str(dito["resumo"]["lacres"]["codigo"])
    (pendrive / "codigo.txt").write_text(f"{codigo}\n", encoding="utf-8")
    return codigo


def _e_no_computador_novo(novo: _Computador, scripts: Scripts, codigo: str, chave: Path) -> None:
    """Levanta _Falhou."""
    quem, com = str(VITIMA.user_id), ("--chave-arquivo", str(chave))
    print("   No computador novo, com uma chave do pendrive, o código da folha e o disco externo:")
    novo.rodar(scripts.backup, "trazer", "--empresa", quem, "--codigo", codigo, "--confirmar", *com)
    confirmado = ("--confirmar", "RESTAURAR", "--efeitos", "desfazer")
    novo.rodar(scripts.restauracao, "--empresa", quem, *confirmado, *com)
