"""A folha de recuperação: num papel só, o que é preciso para ler os backups sem esta máquina.

Há duas versões: a página, para imprimir, e o texto, que é também o arquivo da chave. Nele, tudo
menos ela é comentário: `age -d -i folha-dono.txt` e `--chave-arquivo folha-dono.txt` o aceitam.
"""

from __future__ import annotations

import html
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from cofre.base import comandos
from cofre.base.erros import DependenciaAusente
from cofre.base.palavras import na_pagina
from cofre.deposito.cifra.chaves import ChaveQueAbre
from cofre.deposito.cifra.linhas import em_linhas
from cofre.deposito.lacre.assinatura import ESPACO, codigo

DONO, RESERVA = "dono", "reserva"
_TITULOS = {DONO: "chave do dono", RESERVA: "chave de reserva"}
_AVISOS = (
    "Quem tem esta folha lê os backups de todas as empresas. Guarde-a como se guarda dinheiro.",
    "Não a fotografe, não a mande por mensagem, não a deixe na nuvem, nem junto do computador.",
    "Impressoras de lojas e as que imprimem pela internet guardam cópias: use uma ligada por cabo.",
    "A outra folha abre o mesmo. Guarde-a noutro lugar, e escreva aqui onde: ____________________",
)
_A_MAO = (
    "age -d -i {nome}.txt produtos_AAAAMMDD_HHMMSS.json.gz.age | gunzip > produtos.json",
    "head -n1 lacre_AAAAMMDD_HHMMSS.json > corpo; tail -n +2 lacre_AAAAMMDD_HHMMSS.json > sig",
    "ssh-keygen -Y verify -f autorizados -I cofre -n cofre -s sig < corpo",
)


@dataclass(frozen=True, slots=True)
class Folha:
    """O que uma folha diz. `nome` é o do arquivo, sem o fim; `papel`, DONO ou RESERVA; `outra`, a
    chave que fecha da outra folha; `assinatura`, a pública dos lacres; `destinos`, onde está a
    cópia, sem segredos."""

    nome: str
    papel: str
    chave: ChaveQueAbre
    outra: str
    assinatura: str
    destinos: tuple[str, ...]
    quando: datetime

    @property
    def titulo(self) -> str:
        """O que encabeça a folha."""
        return f"Folha de recuperação: {_TITULOS[self.papel]}"

    @property
    def fatos(self) -> Iterator[tuple[str, str]]:
        """O que não é segredo: o nome e o valor de cada coisa."""
        yield "Feita em", na_pagina(self.quando, "minuto")
        yield "Fecha para", self.chave.publica.texto
        yield "A outra folha", self.outra
        yield "Código do lacre", codigo(self.assinatura)
        yield "Cópias em", "; ".join(self.destinos) or "só no computador que faz os backups"

    @property
    def a_mao(self) -> list[str]:
        """Os comandos de quem não tem o programa."""
        return [linha.format(nome=self.nome) for linha in _A_MAO]

    @property
    def autorizados(self) -> str:
        """O conteúdo do arquivo `autorizados` que o último comando usa."""
        return f'cofre namespaces="{ESPACO.decode()}" {self.assinatura}'


def em_texto(folha: Folha) -> str:
    """A folha em texto, que também é o arquivo da chave."""
    linhas = [folha.titulo.upper(), "", *_para_que(), "", "A chave, com as letras de conferência:"]
    for n, (linha, conferencia) in enumerate(em_linhas(folha.chave.texto()), 1):
        linhas.append(f"   {n}  {linha:<26}  {conferencia}")
    linhas += ["", *(f"{nome}: {valor}" for nome, valor in folha.fatos), ""]
    linhas += ["Sem o programa, com age, gzip e ssh-keygen:", *(f"   {c}" for c in folha.a_mao)]
    linhas += ["O arquivo autorizados tem esta linha:", f"   {folha.autorizados}", "", *_AVISOS]
    comentarios = "".join(f"# {linha}".rstrip() + "\n" for linha in linhas)
    return f"{comentarios}{folha.chave.texto()}\n"


def em_pagina(folha: Folha) -> str:
    """A folha em HTML, que não pede nada a ninguém e cabe numa página A4. Levanta
    DependenciaAusente."""
    linhas = "".join(
        f"<tr><th>{n}</th><td>{linha}</td><td class='c'>{conferencia}</td></tr>"
        for n, (linha, conferencia) in enumerate(em_linhas(folha.chave.texto()), 1)
    )
    fatos = "".join(
        f"<dt>{html.escape(nome)}</dt><dd>{html.escape(valor)}</dd>" for nome, valor in folha.fatos
    )
    comandos_ = "\n".join(map(html.escape, folha.a_mao))
    return _PAGINA.format(
        titulo=html.escape(folha.titulo),
        para_que=" ".join(map(html.escape, _para_que())),
        linhas=linhas,
        qr=_qr(folha.chave.texto()),
        fatos=fatos,
        a_mao=comandos_,
        autorizados=html.escape(folha.autorizados),
        avisos="".join(f"<li>{html.escape(aviso)}</li>" for aviso in _AVISOS),
    )


def _para_que() -> tuple[str, ...]:
    return (
        "Esta é a chave que abre os backups cifrados. Se o computador se perder: instale o",
        "programa noutro, traga a cópia (backup-por-empresa.py trazer) e restaure",
        "(restaurar-empresa.py); quando a chave for pedida, digite as linhas abaixo.",
    )


def _qr(texto: str) -> str:
    """O código que uma câmera lê, em SVG: o mesmo texto da chave."""
    try:
        import segno
    except ModuleNotFoundError as e:
        raise DependenciaAusente(
            "Para o código QR da folha, falta o pacote segno.",
            comandos.como_instalar(comandos.DA_COPIA),
        ) from e
    saida = io.BytesIO()
    segno.make(texto, error="m", micro=False).save(
        saida, kind="svg", xmldecl=False, svgns=True, border=2, scale=4, nl=False
    )
    return saida.getvalue().decode("utf-8")


_PAGINA = """\
<!doctype html>
<html lang="pt-BR">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{titulo}</title>
<style>
@page {{ size: A4; margin: 14mm }}
body {{ font: 10.5pt/1.4 sans-serif; max-width: 182mm; margin: 0 auto; color: #000 }}
h1 {{ font-size: 17pt; margin: 0 0 2mm }}
h2 {{ font-size: 11.5pt; margin: 5mm 0 1mm }}
.chave {{ display: flex; align-items: center; gap: 8mm; border: 0.5mm solid #000; padding: 3mm }}
.chave table {{ font: bold 13pt/1.7 monospace; border-collapse: collapse }}
.chave th {{ font-weight: normal; color: #555; padding-right: 4mm }}
.chave .c {{ padding-left: 6mm; border-left: 0.2mm solid #999 }}
.chave svg {{ width: 44mm; height: 44mm; flex: none }}
.leg {{ font-size: 9pt; margin: 1mm 0 0 }}
dl {{ display: grid; grid-template-columns: max-content 1fr; gap: 0.5mm 4mm; margin: 0 }}
dt {{ font-weight: bold }}
dd {{ margin: 0; font-family: monospace; font-size: 9.5pt; overflow-wrap: anywhere }}
pre {{ font-size: 8pt; white-space: pre-wrap; overflow-wrap: anywhere; background: #f3f3f3;
  padding: 2mm; margin: 0 }}
ul {{ margin: 1mm 0 0; padding-left: 5mm }}
</style>
</head>
<body>
<h1>{titulo}</h1>
<p>{para_que}</p>
<div class="chave"><table>{linhas}</table>{qr}</div>
<p class="leg">As duas letras do fim de cada linha são a conferência dela: se uma letra for trocada,
o programa diz em que linha. Maiúsculas, espaços e hífens não importam.</p>
<h2>O que não é segredo</h2>
<dl>{fatos}</dl>
<h2>Sem o programa, com age, gzip e ssh-keygen</h2>
<pre>{a_mao}
# o arquivo autorizados tem esta linha:
{autorizados}</pre>
<h2>Cuidados</h2>
<ul>{avisos}</ul>
</body>
</html>
"""
