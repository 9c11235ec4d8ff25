"""Os logins que faltam ao restaurar: quais são, quais voltam, e o que se fez deles.

Entra: o backup, a via e o que o usuário escolheu. Sai: `faltam.Faltam`, o bloco do plano que é só
deles; `volta.VoltaDosLogins`, que os cria antes das linhas que os citam e desfaz o que um gatilho
do projeto faça com isso; e, no diário, o que houve com cada um. Nunca muda nem apaga um login que
existe. Levanta ErroDeUso por um que não se acha, e FalhaDoServidor.
"""
