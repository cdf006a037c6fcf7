import { createSanitizer } from "#src/redact/redact.ts";
import { readFileSync } from "node:fs";
import { execSync } from "node:child_process";
const files=execSync(process.argv[2]!,{encoding:"utf8",maxBuffer:1e9}).trim().split("\n");
let total=0,n=0;const tally=new Map<string,number>();
for(const f of files){let b:Uint8Array;try{b=readFileSync(f);}catch{continue;}n++;total+=b.length;
 const s=createSanitizer({knownValues:[],mode:"auto"});const out=Buffer.concat([...s.push(b),...s.finish()]).toString("latin1");
 for(const[k,v]of s.findings())tally.set(k,(tally.get(k)??0)+v);
 if([...s.findings().keys()].some(k=>k!=="invisible")){const src=Buffer.from(b).toString("latin1");let pos=0;
  for(const m of out.matchAll(/.{0,50}\[redacted:([a-z0-9-]+)\]/g)){const ctx=m[0].replace(/\[redacted.*/,"").slice(-30);const i=src.indexOf(ctx,pos);console.log(m[1],"|",JSON.stringify(src.slice(i,i+ctx.length+60)),f.split("/").slice(-3).join("/"));if(i>=0)pos=i;}}}
console.log(n,"files",total,"bytes",JSON.stringify([...tally]));
