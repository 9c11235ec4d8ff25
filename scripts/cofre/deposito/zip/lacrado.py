"""O lacre que um .zip traz: só se guarda o backup se é o que foi assinado, por quem se conhece."""

from __future__ import annotations

import zipfile

from cofre.base.erros import ZipRecusado
from cofre.base.palavras import tamanho
from cofre.deposito.carimbo import nome_do_lacre
from cofre.deposito.lacre import conferencia, conhecidos
from cofre.deposito.lacre.assinatura import mesmo_codigo
from cofre.deposito.lacre.conhecidos import AssinanteDesconhecido
from cofre.deposito.lacre.lacre import LacreRecusado
from cofre.deposito.metadados import Metadados

MAIOR = 64 * 1024 * 1024
"""Bytes: o lacre de uma empresa com oitocentos mil arquivos."""


def tirar(
    zip_: zipfile.ZipFile, por_nome: dict[str, zipfile.ZipInfo], meta: Metadados, carimbo: str
) -> bytes | None:
    """Tira dos nomes o do lacre, e o lê; None se não há um (uma tabela pode ter esse nome). Levanta
    ZipRecusado."""
    nome = nome_do_lacre(carimbo)
    if nome not in por_nome or any(a.arquivo == nome for a in meta.arquivos):
        return None
    entrada = por_nome.pop(nome)
    if entrada.file_size > MAIOR:
        raise ZipRecusado(f"O lacre tem {tamanho(entrada.file_size)}: não é um.")
    return zip_.read(entrada)


def conferir(lacre: bytes, ficha: bytes, user_id: str, carimbo: str, codigo: str) -> None:
    """Se o lacre é destes metadados (`ficha`) e de quem esta máquina conhece; ou de quem tem este
    código: aí passa a confiar nele. Levanta ZipRecusado, DependenciaAusente ou FalhaDeDisco."""
    try:
        conferencia.conferir_bytes(lacre, ficha, user_id, carimbo)
    except AssinanteDesconhecido as e:
        if not mesmo_codigo(codigo, e.codigo_da_chave):
            raise ZipRecusado(
                "O backup dentro do .zip foi assinado por uma chave que esta máquina não conhece,"
                f" de código {e.codigo_da_chave}.",
                "Compare com o código da folha de recuperação de quem o fez. Só se for o mesmo,"
                f" repita com --codigo-do-lacre {e.codigo_da_chave}\nNada foi gravado.",
            ) from e
        conhecidos.confiar(e.chave)
        conferir(lacre, ficha, user_id, carimbo, "")
    except LacreRecusado as e:
        raise ZipRecusado(f"O backup dentro do .zip não é o que foi assinado: {e}.") from e


def mesmo_segundo(carimbo: str) -> ZipRecusado:
    """O que dizer quando o carimbo do backup já é de outro da mesma empresa."""
    return ZipRecusado(
        f"Já há outro backup desta empresa feito no mesmo segundo ({carimbo}).",
        "O do .zip é lacrado, e o lacre diz essa data: não se pode guardar com outra.\n"
        "Importe-o noutra pasta, com --destino. Nada foi gravado.",
    )
