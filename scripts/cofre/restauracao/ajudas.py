"""O que cada pergunta da restauração explica a quem responde `?`."""

from __future__ import annotations

EMPRESA = """\
Qual empresa volta: o número da lista, o nome, ou uma parte dele. As outras não são tocadas.
Nada muda antes de você ler o plano e escrever a palavra que se pede no fim."""

TABELAS = """\
O que volta. 0 ou «todas» é tudo o que o backup tem; ou números e nomes, com vírgula ou espaço:
1,3   2-5   produtos clientes
Se não sabe, 0: o que já está igual não é tocado, e antes de confirmar você vê o que muda.
d escolhe outra data de backup: a de antes do estrago.
p acha um registro pelo nome, e traz de volta só ele, com o que foi com ele.
l leva a empresa a outro projeto (o de outro .env), sem tocar neste."""

DATA = """\
De que dia os dados voltam: o número da lista, ou a data como se fala:
26/11   26/11 03:00   2026-11-26 03:00   ontem
Escolha o último de antes do estrago. Enter fica com o que está escolhido; t mostra todos."""

ESTRAGO = """\
Enter (ou s) usa o último backup de antes de os dados encolherem: é o que traz de volta o que sumiu.
n usa o mais novo assim mesmo: já não tem o que sumiu, mas tem o que se fez depois."""

MAIS_NOVO = """\
s usa esse: os dados são mais recentes, mas leia acima o que falta nele.
n fica com o último backup inteiro, que é mais antigo."""

LOGINS = """\
Um login que o backup tem e o projeto já não tem. Sem ele, o banco pode recusar as linhas que o
citam; com ele, a pessoa volta a poder entrar: traga só quem deve entrar. Muitas vezes o login foi
apagado de propósito, para dispensar alguém ou liberar um e-mail.
Responda os números (1,2), 0 para nenhum, ou Enter para só o do dono. O que existe não é tocado."""

CONFIRMACAO = """\
Acima está tudo o que vai mudar, e só nesta empresa. Antes da primeira escrita tira-se uma foto de
como ela está agora: se não era isto, «desfazer» volta atrás.
A palavra tem de ser escrita inteira, em maiúsculas; qualquer outra resposta não muda nada."""
AO_CONFIRMAR = {
    "m": """
m troca entre voltar tudo (a empresa fica como no backup) e só repor o que falta (nada do que
existe hoje é alterado nem removido).""",
    "c": """
c mostra campo a campo o que muda, e o nome de tudo o que volta ou sai.""",
}

OUTRO_ENV = """\
Um arquivo como o .env daqui, com o endereço e a chave do outro projeto e a pasta das fotos dele:
SUPABASE_URL=...  SUPABASE_SERVICE_ROLE_KEY=...  BACKUP_DIR=backups-do-destino
Este projeto só se lê. Antes da primeira escrita no outro vê-se o plano, e pede-se a palavra."""

EMPRESA_QUE_VAI = """\
Qual empresa vai: o número da lista, o nome, ou uma parte dele. Daqui só se lê, e no outro projeto
só ela é tocada. Nada muda antes de você ler o plano e escrever a palavra que se pede no fim."""

TABELAS_QUE_VAO = """\
O que vai. 0 ou «todas» é tudo o que o backup tem; ou números e nomes, com vírgula ou espaço:
1,3   2-5   produtos clientes
Se não sabe, 0: o que lá já está igual não é tocado, e antes de confirmar você vê o que muda.
d escolhe outra data de backup."""

DATA_QUE_VAI = """\
De que dia são os dados que vão: o número da lista, ou a data como se fala:
26/11   26/11 03:00   2026-11-26 03:00   ontem
Enter fica com o que está escolhido; t mostra todos."""

LOGINS_QUE_VAO = """\
Um login que o backup tem e o outro projeto não tem. Sem ele, o banco de lá pode recusar as linhas
que o citam; com ele, a pessoa passa a poder entrar lá: leve só quem deve entrar.
Responda os números (1,2), 0 para nenhum, ou Enter para só o do dono. O que lá existe não é
tocado."""

CONFIRMACAO_DE_LA = """\
Acima está tudo o que vai mudar no outro projeto, e só nesta empresa; neste, nada muda. Antes da
primeira escrita tira-se uma foto de como ela lá está: se não era isto, «desfazer» volta atrás.
A palavra tem de ser escrita inteira, em maiúsculas; qualquer outra resposta não muda nada."""

PERDA_DE_LA = """\
s segue assim, e o que está dito acima não vai.
n não muda nada: a mensagem diz como resolver antes."""

SOMAR_LA = """\
s leva também essas tabelas, de que as escolhidas precisam.
n segue só com as escolhidas, e o que depende das outras não vai."""

PROJETO = """\
O que está acima diz por que o destino parece um projeto em que alguém trabalha. Clonar nele só mexe
nesta empresa, mas o que ela tem lá passa a ser o do backup.
Escreva o nome do projeto, como está entre parênteses, só se é mesmo nele; q sai, e nada muda."""

OUTRO_ENDERECO = """\
Concluir ou desfazer põe a empresa como ela era no projeto em que se começou. Se este é outro, o que
ela tem aqui perde-se: saia com q, e ponha no .env o endereço do primeiro.
Se só mudou o modo de lá chegar (a conexão direta em vez da API, um domínio próprio, outra porta),
escreva o nome do projeto, como está entre parênteses."""

AOS_POUCOS = """\
Enter mostra a tela seguinte; q volta à confirmação. Nada mudou ainda."""

PERDA = """\
s segue assim, e o que está dito acima não volta.
n não muda nada: a mensagem diz como resolver antes."""

CRIAR = """\
s cria de novo o balde, como era quando se fez o backup, e os arquivos voltam para ele.
n não muda nada: crie-o no painel do Supabase (Storage), ou deixe «arquivos» fora da escolha."""

SOMAR = """\
s restaura também essas tabelas, de que as escolhidas precisam.
n segue só com as escolhidas, e o que depende das outras não volta."""

PENDENTES = """\
s soma essas tabelas às escolhidas: o que sumiu delas volta, e o que perdeu a ligação a recupera.
Antes da palavra, o plano mostra tudo o que muda nelas também.
n restaura só as escolhidas; o resto fica como está, e pode ser restaurado depois."""

EFEITOS = """\
s: essas tabelas voltam ao que eram antes desta restauração. É o certo se ninguém usava o sistema:
quem mexeu foi o próprio banco, por causa das linhas que voltaram.
n: ficam como estão. É o certo se alguém trabalhava agora, ou na dúvida: nada se perde.
q: sai sem decidir; «continuar» pergunta de novo, «desfazer» volta tudo atrás."""

SEGUIR = """\
concluir: tenta de novo, do ponto em que está; o que já voltou não se repete.
desfazer: a empresa volta a ser o que era antes da restauração, pela foto tirada antes.
deixar: nada mais muda agora, e a restauração deixa de ser lembrada.
q: sai e decide depois; até lá, cada comando lembra que ela está por concluir."""

PROCURAR = """\
O registro que se perdeu: palavras que ele tinha em qualquer coluna, todas no mesmo registro.
Acentos, maiúsculas e pontuação não contam, e um pedaço basta:
maria souza   98765   123.456.789-09"""

REGISTRO = """\
Qual volta: o número da lista; ou vários, se são do mesmo backup:
1   1,3   1,3-5
Os que sumiram vêm primeiro."""

VERSAO = """\
Como o registro volta: cada linha é o que ele foi, da mais nova à mais antiga, e o que nela mudou.
Enter usa a que se oferece: a última de antes de ele sumir; ou, se ainda existe, de antes de mudar.
Dos que vêm junto, vale o mesmo backup."""

LIGADOS = """\
Enter (ou s) traz também o que está acima: volta o que sumiu com ele, e o que perdeu a ligação a
recupera (só a ligação: o resto desses registros fica como está).
n traz só o que se escolheu; se lhe falta algo de que precisa, isso se diz antes da palavra."""

LACRE = """\
Cada backup lacrado leva a assinatura da máquina que o fez; o código dela está na sua folha de
recuperação, e no resumo de cada backup que essa máquina fez. O deste backup é {codigo}.
Se o seu é outro, alguém pôs este backup aqui: Enter o recusa, e nada muda."""
