"""A frota: o mesmo backup, por muitos processos e muitas máquinas, com um motor que já existe.

Quem começa (`motor.Frota`) manda tarefas de `backup.tarefa` a trabalhadores do Dask, que têm este
projeto, o mesmo `.env` e a mesma pasta de backups, e conta o que fizeram. Filas, mortes, repetições
e quem faz o quê são do Dask; daqui são só a oficina que cada processo abre (`trabalhador`) e as
recusas: outra versão, outro `.env` (`digital`), outra pasta. Nenhuma chave viaja.

Entra: o que `--frota` diz, o contexto de uma execução e as tarefas dela.
Sai: o resultado de cada empresa, à medida que se sabe.
Levanta: ErroDeUso, DependenciaAusente, e FrotaParada (FalhaDoServidor) se ninguém fica para as
fazer.
"""
