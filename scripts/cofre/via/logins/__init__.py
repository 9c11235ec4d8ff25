"""Os logins (auth.users) por dois caminhos: a API de administração do Auth e o SQL.

Entra: os ids, ou os logins guardados que se quer de volta. Sai: `login.Login`, como está e como se
guarda; o que há hoje no lugar de um; e o que se criou, relido. Só cria, nunca muda nem apaga o que
existe. Levanta FalhaDoServidor, e `contrato.SemAuth` num projeto que não tem logins.
"""
