"""O cofre.toml: as regras do dono sobre tabelas que o programa não entenderia sozinho."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cofre.base.config.limites import ler_idade
from cofre.base.config.promessas import Promessa
from cofre.base.config.valores import (
    COLUNA,
    DONO_DO_OBJETO,
    NENHUM,
    PASTA,
    RegraDeBalde,
    RegraDeTabela,
    Regras,
    RegrasDeAnonimizar,
)
from cofre.base.erros import ConfiguracaoInvalida


def ler_regras(caminho: Path) -> Regras:
    """Lê o cofre.toml (ausente: nenhuma regra). Levanta ConfiguracaoInvalida."""
    if not caminho.is_file():
        return Regras()
    try:
        bruto = tomllib.loads(caminho.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as e:
        raise ConfiguracaoInvalida(f"Não entendi {caminho}: {e}", EXEMPLO_TOML) from e
    _so_conhece(bruto, _CONHECIDAS, caminho)
    tabelas, arquivos = (_secao(bruto, nome, caminho) for nome in ("tabelas", "arquivos"))
    empresas = _secao(bruto, "empresas", caminho)
    return Regras(
        ignorar=_nomes(bruto, "ignorar", caminho),
        tabelas={nome: _regra(caminho, nome, valor) for nome, valor in tabelas.items()},
        podem_encolher=_nomes(bruto, "podem_encolher", caminho),
        arquivos={balde: _do_balde(caminho, balde, valor) for balde, valor in arquivos.items()},
        colunas_de_logins=_colunas_de_logins(_secao(bruto, "logins", caminho), caminho),
        promessas={nome: _promessa(caminho, nome, valor) for nome, valor in empresas.items()},
        anonimizar=_anonimizar(_secao(bruto, "anonimizar", caminho), caminho),
    )


_CONHECIDAS = {
    *("ignorar", "tabelas", "podem_encolher", "arquivos", "logins", "empresas", "anonimizar"),
}


def _promessa(caminho: Path, nome: str, valor: object) -> Promessa:
    if not isinstance(valor, dict) or not all(isinstance(v, str) for v in valor.values()):
        raise ConfiguracaoInvalida(f"{caminho}: não entendi [empresas.{nome}].", EXEMPLO_TOML)
    _so_conhece(valor, {"perder_no_maximo", "voltar_em"}, caminho)
    perder, voltar = (
        ler_idade(f"{caminho}: {chave} de «{nome}»", valor[chave]) if chave in valor else None
        for chave in ("perder_no_maximo", "voltar_em")
    )
    return Promessa(perder, voltar)


def _secao(bruto: Mapping[str, Any], nome: str, caminho: Path) -> Mapping[str, Any]:
    secao = bruto.get(nome, {})
    if not isinstance(secao, dict):
        raise ConfiguracaoInvalida(f"{caminho}: «{nome}» é uma seção.", EXEMPLO_TOML)
    return secao


def _colunas_de_logins(secao: Mapping[str, Any], caminho: Path) -> tuple[tuple[str, str], ...]:
    """As de [logins]: «tabela.coluna», a coluna depois do último ponto."""
    _so_conhece(secao, {"colunas"}, caminho)
    ditas = sorted(_nomes(secao, "colunas", caminho))
    return tuple(_coluna(dita, "logins", caminho) for dita in ditas)


def _coluna(dita: str, secao: str, caminho: Path) -> tuple[str, str]:
    tabela, ponto, coluna = dita.strip().rpartition(".")
    if not (tabela and ponto and coluna):
        raise ConfiguracaoInvalida(
            f"{caminho}: em [{secao}], uma coluna se escreve «tabela.coluna».", EXEMPLO_TOML
        )
    return tabela, coluna


def _anonimizar(secao: Mapping[str, Any], caminho: Path) -> RegrasDeAnonimizar:
    """`trocar`, com «tabela.coluna: o que há nela»; `manter`, só com «tabela.coluna»."""
    _so_conhece(secao, {"trocar", "manter"}, caminho)
    trocar = {}
    for dita in sorted(_nomes(secao, "trocar", caminho)):
        coluna, dois_pontos, classe = dita.rpartition(":")
        if not dois_pontos or not classe.strip():
            raise ConfiguracaoInvalida(
                f"{caminho}: em [anonimizar], trocar se escreve «tabela.coluna: nome».",
                EXEMPLO_TOML,
            )
        trocar[_coluna(coluna, "anonimizar", caminho)] = classe.strip().casefold()
    manter = (_coluna(d, "anonimizar", caminho) for d in _nomes(secao, "manter", caminho))
    return RegrasDeAnonimizar(trocar, frozenset(manter))


def _nomes(bruto: Mapping[str, Any], chave: str, caminho: Path) -> frozenset[str]:
    nomes = bruto.get(chave, [])
    if not isinstance(nomes, list) or not all(isinstance(t, str) for t in nomes):
        raise ConfiguracaoInvalida(f"{caminho}: «{chave}» é uma lista de nomes.", EXEMPLO_TOML)
    return frozenset(nomes)


EXEMPLO_TOML = (
    "Exemplo de cofre.toml:\n"
    'ignorar = ["logs_antigos"]\n'
    'podem_encolher = ["fila_de_envio"]\n'
    "[tabelas.notas]\n"
    'dono = "usuario_id"            # coluna com o id do dono da empresa\n'
    "[tabelas.anexos]\n"
    'pai = "nota_id -> notas"       # coluna que aponta para a linha-mãe\n'
    "[arquivos.fotos]\n"
    'dono = "pasta"                 # ou "dono_do_objeto", ou "nenhum"\n'
    "[arquivos.documentos]\n"
    'coluna = "contratos.arquivo"   # a coluna que diz o nome de cada arquivo\n'
    "[logins]\n"
    'colunas = ["equipe.login_id"]  # colunas com o login de quem é da empresa\n'
    '[empresas."Padaria Central"]   # pelo nome, ou pelo id\n'
    'perder_no_maximo = "15min"\n'
    "[anonimizar]                   # só para «clonar --anonimizar»\n"
    'trocar = ["clientes.apelido: nome"]\n'
    'manter = ["fornecedores.nome"]'
)


def _regra(caminho: Path, nome: str, valor: object) -> RegraDeTabela:
    if not isinstance(valor, dict) or not all(isinstance(v, str) for v in valor.values()):
        raise ConfiguracaoInvalida(f"{caminho}: não entendi [tabelas.{nome}].", EXEMPLO_TOML)
    _so_conhece(valor, {"dono", "pai"}, caminho)
    pai, seta, tabela_pai = (p.strip() for p in valor.get("pai", "").partition("->"))
    if "pai" in valor and not (pai and seta and tabela_pai):
        raise ConfiguracaoInvalida(
            f"{caminho}: em [tabelas.{nome}], pai se escreve «coluna -> tabela».", EXEMPLO_TOML
        )
    return RegraDeTabela(dono=valor.get("dono", ""), pai=pai, tabela_pai=tabela_pai)


def _do_balde(caminho: Path, balde: str, valor: object) -> RegraDeBalde:
    """O que o cofre.toml (em `caminho`) diz de um balde. Levanta ConfiguracaoInvalida."""
    onde = f"{caminho}: em [arquivos.{balde}],"
    if not isinstance(valor, dict) or not all(isinstance(v, str) for v in valor.values()):
        raise ConfiguracaoInvalida(f"{caminho}: não entendi [arquivos.{balde}].", EXEMPLO_TOML)
    _so_conhece(valor, {"dono", "coluna"}, caminho)
    if len(valor) != 1:
        raise ConfiguracaoInvalida(f"{onde} diga «dono» ou «coluna», um dos dois.", EXEMPLO_TOML)
    dono = valor.get("dono", COLUNA)
    if "dono" in valor and dono not in (PASTA, DONO_DO_OBJETO, NENHUM):
        raise ConfiguracaoInvalida(
            f"{onde} dono é «{PASTA}», «{DONO_DO_OBJETO}» ou «{NENHUM}».", EXEMPLO_TOML
        )
    tabela, ponto, coluna = (p.strip() for p in valor.get("coluna", "").partition("."))
    if "coluna" in valor and not (tabela and ponto and coluna):
        raise ConfiguracaoInvalida(f"{onde} coluna se escreve «tabela.coluna».", EXEMPLO_TOML)
    return RegraDeBalde(dono, tabela, coluna)


def _so_conhece(secao: Mapping[str, object], nomes: set[str], caminho: Path) -> None:
    estranhos = sorted(set(secao) - nomes)
    if estranhos:
        raise ConfiguracaoInvalida(
            f"{caminho}: não conheço «{estranhos[0]}» (só {', '.join(sorted(nomes))}).",
            EXEMPLO_TOML,
        )
