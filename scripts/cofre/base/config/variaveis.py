"""O que o .env e as variáveis deste processo dizem, em texto: ninguém mais os lê.

Nenhum texto daqui (erro, aviso) leva qualquer parte de uma chave.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from cofre.base.config.cifragem import recusar_chave_que_abre
from cofre.base.erros import ConfiguracaoInvalida, DependenciaAusente


def do_ambiente(raiz: Path, *, so_o_env: bool = False) -> dict[str, str]:
    """.env por baixo, ambiente de verdade por cima; vazio conta como ausente. Levanta
    ConfiguracaoInvalida ou DependenciaAusente."""
    return lidos(raiz / ".env", {} if so_o_env else os.environ)


def lidos(caminho: Path, por_cima: Mapping[str, str]) -> dict[str, str]:
    """O que este arquivo diz, se existe, e o que vem `por_cima` dele. Levanta o mesmo."""
    try:
        from dotenv import dotenv_values
    except ModuleNotFoundError as e:
        raise DependenciaAusente.de(e) from e
    do_arquivo: Mapping[str, str | None] = {}
    if caminho.is_file():
        try:
            # utf-8-sig: o Bloco de Notas do Windows põe um BOM na frente.
            do_arquivo = dotenv_values(caminho, encoding="utf-8-sig")
        except UnicodeDecodeError as e:
            raise ConfiguracaoInvalida(
                f"O arquivo {caminho} não está em UTF-8.",
                "Abra-o no editor e salve de novo escolhendo a codificação UTF-8.",
            ) from e
        except OSError as e:
            raise ConfiguracaoInvalida(
                f"Não consegui ler {caminho}: {e.strerror}.", "Confira as permissões do arquivo."
            ) from e
    juntos = {**do_arquivo, **por_cima}
    recusar_chave_que_abre(caminho, juntos)
    return {nome: valor.strip() for nome, valor in juntos.items() if valor and valor.strip()}


def de_fora(nome: str) -> bool:
    """Se a variável vem do ambiente deste processo, e não do .env."""
    return bool(os.environ.get(nome, "").strip())


def avisos_do_env(caminho: Path) -> Iterator[str]:
    """O que há de errado com o arquivo .env que não impede de o ler."""
    if os.name != "posix" or not caminho.is_file():
        return
    if stat.S_IMODE(caminho.stat().st_mode) & 0o077:
        yield (
            f"O arquivo {caminho} pode ser lido por outros usuários. Corrija: chmod 600"
            f" {caminho.name}"
        )
