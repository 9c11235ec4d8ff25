"""O vigia de um servidor: enquanto a entrada padrão estiver aberta, o servidor vive.

É um programa à parte, só com a biblioteca padrão (`python -I -S vigia.py ...`). Quem o inicia
segura a outra ponta do cano; quando ela fecha (porque mandaram parar, ou porque quem o iniciou
morreu, até por kill -9), o vigia encerra o servidor. Assim nada fica para trás.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import threading

if sys.platform == "win32":
    DO_TERMINAL = (signal.SIGINT, signal.SIGBREAK)
else:
    DO_TERMINAL = (signal.SIGINT, signal.SIGHUP)


def ler_argumentos() -> argparse.Namespace:
    leitor = argparse.ArgumentParser()
    leitor.add_argument("--parar-com", help="o comando (JSON) que para um servidor já à parte")
    leitor.add_argument("--sinais", required=True, help="do mais brando ao mais firme, por vírgula")
    leitor.add_argument("--paciencia", type=float, required=True, help="segundos entre sinais")
    leitor.add_argument("--dono", help="uid:gid com que o servidor roda")
    leitor.add_argument("--apagar", help="pasta a remover depois que o servidor terminar")
    leitor.add_argument("comando", nargs="+")
    return leitor.parse_args()


def iniciar(comando: list[str], dono: str | None) -> subprocess.Popen[bytes]:
    if dono is None:
        return subprocess.Popen(comando, stdin=subprocess.DEVNULL)
    if sys.platform == "win32":
        raise SystemExit("O Windows não troca de conta assim.")
    uid, gid = (int(parte) for parte in dono.split(":"))
    return subprocess.Popen(
        comando, stdin=subprocess.DEVNULL, user=uid, group=gid, extra_groups=[], cwd="/"
    )


def encerrar(servidor: subprocess.Popen[bytes], sinais: list[int], paciencia: float) -> None:
    for sinal in sinais:
        servidor.send_signal(sinal)
        try:
            servidor.wait(paciencia)
            return
        except subprocess.TimeoutExpired:
            continue
    servidor.kill()


def esperar_o_fim_da_entrada() -> None:
    while os.read(0, 1024):
        pass


def vigiar_o_que_esta_a_parte(
    partida: "subprocess.Popen[bytes]", argumentos: argparse.Namespace
) -> int:
    """A partida acaba quando o servidor responde; ele vive até a entrada fechar."""
    codigo = partida.wait()
    if codigo == 0:
        esperar_o_fim_da_entrada()
        subprocess.run(json.loads(argumentos.parar_com), stdin=subprocess.DEVNULL, check=False)
    if argumentos.apagar:
        shutil.rmtree(argumentos.apagar, ignore_errors=True)
    return codigo


def main() -> int:
    argumentos = ler_argumentos()
    sinais = [int(sinal) for sinal in argumentos.sinais.split(",") if sinal]
    # Um Ctrl+C no terminal é assunto de quem nos iniciou; a ordem de parar vem pelo cano.
    for sinal in DO_TERMINAL:
        signal.signal(sinal, signal.SIG_IGN)
    servidor = iniciar(argumentos.comando, argumentos.dono)
    if argumentos.parar_com:
        return vigiar_o_que_esta_a_parte(servidor, argumentos)
    signal.signal(signal.SIGTERM, lambda *_: servidor.send_signal(sinais[0]))

    def ao_fechar_a_entrada() -> None:
        esperar_o_fim_da_entrada()
        encerrar(servidor, sinais, argumentos.paciencia)

    threading.Thread(target=ao_fechar_a_entrada, daemon=True).start()
    saida = servidor.wait()
    if argumentos.apagar:
        shutil.rmtree(argumentos.apagar, ignore_errors=True)
    return saida if saida >= 0 else 128 - saida


if __name__ == "__main__":
    sys.exit(main())
