import { utf8 } from "#src/base/bytes.ts";
import { KnownValueStage } from "#src/redact/known-values.ts";
import { PatternStage } from "#src/redact/pattern-stage.ts";
import { InvisibleStage } from "#src/redact/invisible.ts";
import { defaultPatternSet, SECRET_PATTERNS } from "#src/redact/patterns.ts";
import { Findings } from "#src/redact/stage.ts";
import { hostile, ordinary } from "#test/redact/inputs.ts";
const ANCHORS = SECRET_PATTERNS.flatMap((p) => p.anchors);
const KNOWN = [utf8("known-credential-0123456789")];
const only = process.argv[2];
let t0=performance.now(); const set = defaultPatternSet(); console.log("compile ms", (performance.now()-t0).toFixed(1));
function chunksOf(b: Uint8Array){return Array.from({length:Math.ceil(b.length/65536)},(_,i)=>b.subarray(i*65536,(i+1)*65536));}
function m(make: ()=>any, chunks: Uint8Array[], rounds=4){const tot=chunks.reduce((s,c)=>s+c.length,0);let best=0;for(let r=0;r<rounds;r++){const t=performance.now();const s=make();for(const c of chunks)s.push(c);s.finish();best=Math.max(best,tot/(performance.now()-t)/1000);}return best.toFixed(0);}
function copyRate(){const a=new Uint8Array(4e6),b=new Uint8Array(4e6);let best=0;for(let r=0;r<5;r++){const t=performance.now();for(let i=0;i<a.length;i++)b[i]=a[i]!;best=Math.max(best,4e3/(performance.now()-t));}return best.toFixed(0);}
const all=[...ordinary(8_000_000),...hostile(ANCHORS,1_000_000)];
for(const [n,b] of all){ if(only&&!n.includes(only))continue; const c=chunksOf(b);
 console.log(n.padEnd(26),"copy",copyRate(),"known",m(()=>new KnownValueStage(KNOWN,new Findings()),c),"inv",m(()=>new InvisibleStage(new Findings()),c),"pat",m(()=>new PatternStage(set,16384,new Findings()),c));}
