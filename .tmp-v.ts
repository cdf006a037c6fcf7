import { readFileSync } from "node:fs";
import * as c from "@cedar-policy/cedar-wasm/web";
import { SHIPPED_TABLES, commandsOf } from "#src/connector/registry.ts";
import { actionGroups } from "#src/connector/table.ts";
c.initSync({module: readFileSync("node_modules/@cedar-policy/cedar-wasm/web/cedar_wasm_bg.wasm")});
const base = readFileSync("policies/schema.cedarschema","utf8");
const j = c.schemaToJson(base) as any; console.log(Object.keys(j), JSON.stringify(j.json).slice(0,3000));
const groups=new Set<string>(); let acts="";
const types=new Set<string>();
for (const t of SHIPPED_TABLES.values()) { const byc=new Map<string,Set<string>>(); for (const r of t.routes){const s=byc.get(r.command)??new Set();byc.set(r.command,s);s.add(r.resource.type);types.add(r.resource.type)}
 for (const [cmd,tier] of commandsOf(t)) { const g=actionGroups(cmd,tier); g.forEach(x=>groups.add(x)); acts+=`action ${JSON.stringify(cmd)} in [${g.map(x=>JSON.stringify(x)).join(", ")}] appliesTo {principal:[Agent], resource:[${[...(byc.get(cmd)??["Http::Endpoint"])].join(", ")}], context: CommandContext};\n`; } }
let g2=""; for (const g of groups) if(!g.startsWith("tier:")) g2+=`action ${JSON.stringify(g)};\n`;
// types
const ns=new Map<string,string[]>(); for(const t of types){const [n,x]=t.split("::"); if(!["GitHub::Repository","GitHub::Organization","Npm::Package"].includes(t)) {ns.set(n!,[...(ns.get(n!)??[]),x!]);}}
let schema=base+g2+acts;
for(const [n,xs] of ns){ const at=schema.indexOf(`namespace ${n} {`); schema=schema.slice(0,at+`namespace ${n} {`.length)+xs.map(x=>`entity ${x} in [Connection];`).join("\n")+schema.slice(at+`namespace ${n} {`.length);}
console.log(c.checkParseSchema(schema));
const sj=(c.schemaToJson(schema) as any).json;
function time(n:number,f:(i:number)=>string,label:string, s:any, batch=n){ const t=performance.now(); for(let b=0;b<n;b+=batch){const sp:any={}; for(let i=b;i<b+batch;i++) sp["p"+i]=f(i); const r=c.validate({schema:s,policies:{staticPolicies:sp}}) as any; if(b===0&&r.type!=="success"||r.validationErrors?.length) console.log(JSON.stringify(r).slice(0,300)); } console.log(label,n,batch,(performance.now()-t).toFixed(0)); }
time(1,()=>'permit(principal,action,resource);',"one text",schema);
time(1,()=>'permit(principal,action,resource);',"one text",schema);
time(1,()=>'permit(principal,action,resource);',"one json",sj);
time(1,()=>'permit(principal,action,resource);',"one json",sj);
time(200,i=>`permit(principal == Agent::"a${i}",action,resource) when { context.writ.tier == "read" && context.writ.environment == "x${i}"};`,"any action",sj);
time(200,i=>`permit(principal == Agent::"a${i}",action in Action::"tier:read",resource is GitHub::Repository) when { context.writ.tier == "read" && context.writ.environment == "x${i}"};`,"tier read + repo",sj);
time(200,i=>`permit(principal == Agent::"a${i}",action == Action::"/github/issues/create",resource) when { context.writ.tier == "read" && context.writ.environment == "x${i}"};`,"one action",sj);
time(200,i=>`permit(principal == Agent::"a${i}",action,resource) when { context.writ.tier == "read" && context.writ.environment == "x${i}"};`,"any action in 50s",sj,50);
time(200,i=>`permit(principal == Agent::"a${i}",action,resource == GitHub::Repository::"acme/${i}") ;`,"any action no cond",sj);
console.log(c.getValidRequestEnvsPolicy('permit(principal,action,resource is GitHub::Repository);', sj));
