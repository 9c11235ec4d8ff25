"use strict";
// As idades são contas de agora, não de quando a página foi gerada: se o backup parar de rodar,
// ninguém a regrava, e é justamente aí que ela tem de acusar.
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const DIA = 86400;
  const VELHA = "velha", INTEIRA = "inteira";
  const corpo = document.body.dataset;
  const agora = Date.now() / 1000;
  const principal = document.getElementById("empresas");
  // As que aqui estão por extenso, e as que se abrem dos blocos: de todas há uma ficha.
  const fichas = [];
  const numeros = new Intl.NumberFormat("pt-BR");

  const criar = (nome, atributos, texto) => {
    const no = document.createElementNS(SVG, nome);
    for (const [chave, valor] of Object.entries(atributos)) no.setAttribute(chave, valor);
    if (texto !== undefined) no.textContent = texto;
    return no;
  };
  const tamanho = (n) => {
    const e = n < 1024 ? 0 : Math.min(Math.floor(Math.log2(n) / 10), 3);
    return e ? `${(n / 1024 ** e).toFixed(1).replace(".", ",")} ${"KMG"[e - 1]}B` : `${n} B`;
  };
  const idade = (segundos) => {
    const minutos = Math.max(0, Math.floor(segundos / 60));
    if (minutos < 1) return "agora mesmo";
    if (minutos < 60) return `há ${minutos} min`;
    if (minutos < 48 * 60) return `há ${Math.floor(minutos / 60)} h`;
    return `há ${numeros.format(Math.floor(minutos / 1440))} dias`;
  };
  const simples = (texto) => texto.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

  // -- as fichas ----------------------------------------------------------------------------
  const ENTIDADES = { amp: "&", lt: "<", gt: ">", "#34": '"', "#39": "'" };
  const claro = (texto) => texto.replace(/&(amp|lt|gt|#34|#39);/g, (_, qual) => ENTIDADES[qual]);
  const dadosDe = (html) => {
    const dados = {};
    const inicio = html.slice(0, html.indexOf(">"));
    for (const [, nome, valor] of inicio.matchAll(/data-(\w+)="([^"]*)"/g)) dados[nome] = claro(valor);
    return dados;
  };
  // `no`: a empresa no documento; de uma que veio num bloco, só há `html` até se mostrar.
  const fichar = (dados, no, html) => {
    const problemas = dados.problemas.split(" ").filter(Boolean);
    const inteiro = Number(dados.inteiro);
    const passou = inteiro !== 0 && agora - inteiro > Number(corpo.idadeMaxima);
    const envelheceu = passou && !problemas.includes(VELHA);
    if (envelheceu) problemas.push(VELHA);
    fichas.push({
      no, html, problemas, envelheceu, inteiro,
      registros: Number(dados.registros), bytes: Number(dados.bytes), ensaio: Number(dados.ensaio),
      nome: dados.nome.toLowerCase(), texto: simples(`${dados.nome} ${dados.id} ${dados.pasta}`),
    });
  };
  const descomprimir = async (bloco) => {
    const bytes = Uint8Array.from(atob(bloco.textContent), (letra) => letra.charCodeAt(0));
    const aberto = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(aberto).json();
  };
  const abrirBlocos = async () => {
    const blocos = [...document.querySelectorAll(".bloco")];
    if (blocos.length && !window.DecompressionStream) {
      document.getElementById("fechadas").hidden = false;
      return;
    }
    for (const bloco of blocos) {
      for (const html of await descomprimir(bloco)) fichar(dadosDe(html), null, html);
      bloco.remove();
    }
  };
  const noDe = (ficha) => {
    if (!ficha.no) {
      const molde = document.createElement("template");
      molde.innerHTML = ficha.html;
      ficha.no = molde.content.firstElementChild;
      ficha.html = null;
    }
    if (!ficha.pronta) {
      ficha.pronta = true;
      envelhecer(ficha);
      desenharLinha(ficha.no);
      desenharDias(ficha.no);
      if (ficha.no.open) abrir(ficha.no);
    }
    return ficha.no;
  };

  // -- o estado de cada empresa, agora ------------------------------------------------------
  const envelhecer = ({ no: e, inteiro, envelheceu }) => {
    if (inteiro) e.querySelector(".idade").textContent = idade(agora - inteiro);
    if (!envelheceu) return;
    const selos = e.querySelector(".selos");
    selos.querySelector(".inteira")?.remove();
    const selo = document.createElement("span");
    selo.className = `selo ${VELHA}`;
    selo.textContent = VELHA;
    selos.append(selo);
    e.querySelector(`.passos [data-problema="${VELHA}"]`).hidden = false;
  };
  const contar = () => {
    if (document.querySelector(".bloco")) return; // não se sabe de todas: vale o que está escrito
    for (const botao of document.querySelectorAll(".conta[data-estado]")) {
      const estado = botao.dataset.estado;
      if (!estado) continue;
      const quantas = fichas.filter((f) => tem(f, estado)).length;
      botao.querySelector("b").textContent = numeros.format(quantas);
      botao.lastChild.textContent = ` ${quantas === 1 ? botao.dataset.uma : botao.dataset.varias}`;
      botao.hidden = quantas === 0 && estado !== INTEIRA;
    }
  };
  const tem = ({ problemas }, estado) =>
    estado === INTEIRA ? !problemas.length : problemas.includes(estado);
  const acusarParada = () => {
    const passou = agora - Number(corpo.gerado);
    document.getElementById("idade-da-pagina").textContent = `, ${idade(passou)}`;
    if (passou <= Number(corpo.idadeMaxima)) return;
    const aviso = document.getElementById("parada");
    aviso.textContent = `Nenhuma execução terminou desde então (${idade(passou)}). O backup deixou de rodar?`;
    aviso.hidden = false;
  };

  // -- o calendário -------------------------------------------------------------------------
  const LADO = 7, PASSO = 9;
  const diaDe = (texto) => Date.parse(`${texto}T00:00:00Z`) / 1000 / DIA;
  const d = new Date();
  const aqui = Date.UTC(d.getFullYear(), d.getMonth(), d.getDate()) / 1000 / DIA;
  // Onde a página foi gerada já pode ser amanhã: o calendário nunca acaba antes do último dia dela.
  const hoje = Math.max(aqui, diaDe(corpo.hoje));
  const desde = hoje - diaDe(corpo.hoje);
  // Os dias que passaram desde que a página foi gerada não têm backup: é o que se sabe.
  const letras = (e) => (e.dataset.dias + ".".repeat(Math.min(desde, 60))).slice(-60);
  const ESTADOS = { c: "c", C: "c", i: "i", I: "i", ".": "f", R: "f", _: "a" };
  const PALAVRAS = { c: "backup inteiro", i: "backup não inteiro", f: "sem backup", a: "antes do primeiro backup" };
  const desenharDias = (e) => {
    const dias = letras(e);
    const caminhos = { a: "", f: "", i: "", c: "", r: "" };
    [...dias].forEach((letra, n) => {
      const x = n * PASSO;
      caminhos[ESTADOS[letra]] += `M${x} 0h${LADO}v16h-${LADO}z`;
      if (/[A-Z]/.test(letra)) caminhos.r += `M${x} 18h${LADO}v4h-${LADO}z`;
    });
    const total = (letra) => [...dias].filter((l) => ESTADOS[l] === letra).length;
    const svg = criar("svg", {
      viewBox: `0 0 ${60 * PASSO - 2} 22`, class: "calendario", role: "img",
      "aria-label": `Últimos 60 dias: ${total("c")} com backup inteiro, ${total("i")} com backup não inteiro, ${total("f")} sem backup`,
    });
    svg.append(criar("title", {}));
    for (const [classe, traco] of Object.entries(caminhos))
      if (traco) svg.append(criar("path", { class: classe, d: traco }));
    e.querySelector(".dias").append(svg);
  };
  principal.addEventListener("pointermove", (evento) => {
    const svg = evento.target.closest?.(".calendario");
    if (!svg) return;
    const quadro = svg.getBoundingClientRect();
    const n = Math.min(59, Math.max(0, Math.floor(((evento.clientX - quadro.left) / quadro.width) * 60)));
    const letra = letras(svg.closest(".empresa"))[n];
    const dia = new Date((hoje - 59 + n) * DIA * 1000).toLocaleDateString("pt-BR", { timeZone: "UTC" });
    const restauro = /[A-Z]/.test(letra) ? ", com restauração" : "";
    svg.querySelector("title").textContent = `${dia}: ${PALAVRAS[ESTADOS[letra]]}${restauro}`;
  });

  // -- os gráficos --------------------------------------------------------------------------
  const serie = (e) =>
    e.dataset.serie.split(" ").filter(Boolean).map((p) => p.split(":").map(Number));
  const tracar = (pontos, qual, largura, altura) => {
    const valores = pontos.map((p) => p[qual]);
    const fim = pontos.at(-1)[0] || 1;
    const maximo = Math.max(...valores, 1);
    // Do zero ao maior: uma queda à metade tem de parecer uma queda à metade.
    const em = pontos.map((p) => [
      pontos.length > 1 ? 2 + (p[0] / fim) * (largura - 4) : largura - 2,
      altura - 2 - (p[qual] / maximo) * (altura - 4),
    ].map((n) => n.toFixed(1)));
    const linha = em.map((p) => p.join(" ")).join("L");
    const svg = criar("svg", { viewBox: `0 0 ${largura} ${altura}`, preserveAspectRatio: "none" });
    const base = altura - 2;
    svg.append(criar("path", { class: "area", d: `M${em[0][0]} ${base}L${linha}L${em.at(-1)[0]} ${base}z` }));
    svg.append(criar("path", { class: "traco", d: `M${em.length > 1 ? linha : `2 ${em[0][1]}L${linha}`}` }));
    return svg;
  };
  const grafico = (titulo, pontos, qual, palavras) => {
    const valores = pontos.map((p) => p[qual]);
    const ultimo = palavras(valores.at(-1)), maior = palavras(Math.max(...valores));
    const figura = document.createElement("figure");
    const legenda = document.createElement("figcaption");
    legenda.textContent = `${titulo}: ${ultimo} (maior: ${maior}; ${pontos.length} ${pontos.length === 1 ? "backup" : "backups"})`;
    const svg = tracar(pontos, qual, 320, 72);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", legenda.textContent);
    figura.append(svg, legenda);
    return figura;
  };
  const desenharLinha = (e) => {
    const pontos = serie(e);
    if (!pontos.length) return;
    const svg = tracar(pontos, 1, 100, 24);
    svg.setAttribute("aria-hidden", "true");
    e.querySelector(".linha").append(svg);
  };
  const abrir = (e) => {
    const lugar = e.querySelector(".graficos");
    const pontos = serie(e);
    if (pontos.length && !lugar.children.length)
      lugar.append(
        grafico("Registros", pontos, 1, (n) => numeros.format(n)),
        grafico("Tamanho", pontos, 2, tamanho),
      );
    const lista = e.querySelector(".de-fora:empty");
    if (lista) lista.append(document.getElementById(`lista-${lista.dataset.lista}`).content.cloneNode(true));
  };
  principal.addEventListener("toggle", (evento) => evento.target.open && abrir(evento.target), true);

  // -- busca, filtro e ordem ----------------------------------------------------------------
  const busca = document.getElementById("busca");
  const ordem = document.getElementById("ordem");
  const nenhuma = document.getElementById("nenhuma"), mais = document.getElementById("mais");
  const NUMA_VEZ = 1000;
  let estado = "";
  let aMostrar = [];
  const GRAVIDADE = corpo.gravidade.split(" ");
  const gravidade = ({ problemas }) =>
    problemas.length ? Math.min(...problemas.map((p) => GRAVIDADE.indexOf(p))) : GRAVIDADE.length;
  const ORDENS = {
    nome: () => 0,
    problema: gravidade,
    antigo: (f) => f.inteiro,
    ensaio: (f) => f.ensaio,
    registros: (f) => -f.registros,
    bytes: (f) => -f.bytes,
  };
  const mostrarMais = () => {
    principal.append(...aMostrar.splice(0, NUMA_VEZ).map(noDe));
    mais.hidden = !aMostrar.length;
  };
  const mostrar = () => {
    const pedido = simples(busca.value.trim());
    aMostrar = fichas.filter((f) => (!estado || tem(f, estado)) && f.texto.includes(pedido));
    nenhuma.hidden = aMostrar.length > 0;
    principal.replaceChildren();
    mostrarMais();
  };
  const ordenar = () => {
    const chave = ORDENS[ordem.value];
    for (const f of fichas) f.chave = chave(f);
    fichas.sort((a, b) => a.chave - b.chave || a.n - b.n);
    mostrar();
  };
  const escolher = (botao) => {
    estado = botao.dataset.estado === estado ? "" : botao.dataset.estado;
    for (const b of document.querySelectorAll(".conta"))
      b.setAttribute("aria-pressed", String(b.dataset.estado === estado));
    mostrar();
  };
  const porEmDia = () => {
    const porNome = [...fichas].sort((a, b) => (a.nome < b.nome ? -1 : Number(a.nome > b.nome)));
    porNome.forEach((f, n) => { f.n = n; });
    contar();
    ordenar();
  };

  for (const e of [...principal.children]) fichar(e.dataset, e);
  acusarParada();
  porEmDia();
  if (document.querySelector(".bloco")) abrirBlocos().then(porEmDia);
  busca.addEventListener("input", mostrar);
  ordem.addEventListener("change", ordenar);
  for (const botao of document.querySelectorAll(".conta")) botao.addEventListener("click", () => escolher(botao));
  new IntersectionObserver(([fim]) => fim.isIntersecting && mostrarMais(), { rootMargin: "2000px" }).observe(mais);
  addEventListener("beforeprint", () => { while (aMostrar.length) mostrarMais(); });
})();
