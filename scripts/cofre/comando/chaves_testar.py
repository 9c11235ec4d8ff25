"""`chaves testar`: a prova de que se tem a chave, e de que os backups se abrem com ela.

Abre o cifrado mais novo de cada empresa, na memória: os metadados inteiros e uma tabela, relida até
o fim. Guarda a data, e que chave foi.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cofre.base.config import ambiente
from cofre.base.erros import TUDO_CERTO, BackupDanificado, FalhaDoServidor, NadaEncontrado
from cofre.base.palavras import como_se_diz, na_tela, plural, visivel
from cofre.base.relato import Relato
from cofre.comando.chave import ter_chave
from cofre.deposito.backup import Backup, completo
from cofre.deposito.cifra import chaveiro, provas
from cofre.deposito.cifra.chaveiro import FaltaChave
from cofre.deposito.cifra.chaves import ChaveQueFecha, ler_que_fecham
from cofre.deposito.deposito import Deposito
from cofre.deposito.inventario import guardadas
from cofre.deposito.lacre import conferencia
from cofre.deposito.verificacao import conferir_arquivo


@dataclass(frozen=True, slots=True)
class _Prova:
    """De uma empresa: o backup que se quis abrir, a tabela lida, e por que não deu (vazio: deu)."""

    nome: str
    backup: Backup
    tabela: str = ""
    registros: int = 0
    causa: str = ""
    danificado: bool = False

    def documento(self) -> dict[str, Any]:
        """Para a saída --json."""
        return {
            "empresa": self.backup.meta.user_id if self.backup.meta else "",
            "carimbo": self.backup.carimbo,
            "tabela": self.tabela,
            "registros": self.registros,
            "causa": self.causa,
        }


def executar(opcoes: Namespace, relato: Relato) -> int:
    """Levanta NadaEncontrado se nada está cifrado, e o que `ter_chave` levanta."""
    deposito = Deposito(ambiente.pasta_de_backups(destino=opcoes.destino))
    mais_novos = [(g.empresa.nome, b) for g in guardadas(deposito) if (b := _cifrado(g.backups))]
    if not mais_novos:
        raise NadaEncontrado("Nenhum backup está cifrado: não há chave a provar.", "")
    do_env = ler_que_fecham(ambiente.cifragem().para)
    ter_chave(opcoes, relato, do_env or mais_novos[0][1].para)
    relato.linha("🔑 O backup cifrado mais novo de cada empresa, aberto na memória:")
    feitas = [_provar(nome, backup) for nome, backup in mais_novos]
    for feita in feitas:
        _contar(feita, relato)
    usadas = _usadas([feita for feita in feitas if not feita.causa])
    if usadas:
        provas.anotar(usadas, datetime.now().astimezone())
    codigo = _concluir(feitas, usadas, relato)
    relato.documento(
        {
            "acao": "chaves",
            "codigo": codigo,
            "pedido": "testar",
            "chaves": [chave.texto for chave in usadas],
            "provas": [feita.documento() for feita in feitas],
        }
    )
    return codigo


def _cifrado(backups: Sequence[Backup]) -> Backup | None:
    return next((b for b in reversed(backups) if b.cifrado), None)


def _provar(nome: str, backup: Backup) -> _Prova:
    try:
        conferencia.conferir(backup)
        aberto = completo(backup)
        if aberto.meta is None:
            raise BackupDanificado(aberto.dano)
        maior = max(aberto.meta.tabelas.values(), key=lambda t: (t.registros, t.nome))
        conferir_arquivo(aberto.arquivo(maior))
    except FaltaChave as e:
        return _Prova(nome, backup, causa=f"{e} Foi fechado para outras chaves.")
    except BackupDanificado as e:
        return _Prova(nome, backup, causa=str(e), danificado=True)
    except OSError as e:
        causa = f"{backup.pasta.name}: {e.strerror or e}"
        return _Prova(nome, backup, causa=causa, danificado=True)
    return _Prova(nome, aberto, como_se_diz(maior.nome), maior.registros)


def _usadas(feitas: Sequence[_Prova]) -> list[ChaveQueFecha]:
    """Das chaves dadas, as que abrem o que se abriu, sem contar com as outras."""
    para = {chave for feita in feitas for chave in feita.backup.para}
    return [chave.publica for chave in chaveiro.que_abrem() if chave.publica in para]


def _contar(feita: _Prova, relato: Relato) -> None:
    quando = na_tela(feita.backup.quando, "minuto")
    if feita.causa:
        relato.falha(f"   ❌ {visivel(feita.nome)}, {quando}: {visivel(feita.causa)}")
        return
    registros = plural(feita.registros, "registro", "registros")
    relato.linha(f"   ✅ {visivel(feita.nome)}, {quando}: {visivel(feita.tabela)}, {registros}")


def _concluir(feitas: Sequence[_Prova], usadas: Sequence[ChaveQueFecha], relato: Relato) -> int:
    for chave in usadas:
        relato.linha(f"✅ Provada hoje: a que abre o que {chave.texto[: provas.LETRAS]}… fecha.")
    ruins = [feita for feita in feitas if feita.causa]
    if not ruins:
        return TUDO_CERTO
    relato.erro(f"❌ {plural(len(ruins), 'empresa não se abriu', 'empresas não se abriram')}")
    danificada = any(feita.danificado for feita in ruins)
    return BackupDanificado.codigo if danificada else FalhaDoServidor.codigo
