import { PatternStage } from "#src/redact/pattern-stage.ts";
import { defaultPatternSet, SECRET_PATTERNS } from "#src/redact/patterns.ts";
import { Findings } from "#src/redact/stage.ts";
import { hostile, ordinary } from "#test/redact/inputs.ts";
const ANCHORS = SECRET_PATTERNS.flatMap((p) => p.anchors);
const b=new Map([...ordinary(1_000_000),...hostile(ANCHORS,1_000_000)]).get(process.argv[2]!)!;
const set=defaultPatternSet();
let best=0;
for(let r=0;r<60;r++){const t=performance.now();const s=new PatternStage(set,16384,new Findings());for(let i=0;i<b.length;i+=65536)s.push(b.subarray(i,i+65536));s.finish();const v=b.length/(performance.now()-t)/1000;if(v>best){best=v;console.log(r,v.toFixed(1));}}
