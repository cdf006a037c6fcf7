import { defaultPatternSet, SECRET_PATTERNS } from "#src/redact/patterns.ts";
import { hostile, ordinary } from "#test/redact/inputs.ts";
const {index} = defaultPatternSet();
function next(first: Int32Array, second: Int32Array, pairs: Uint16Array, from: number){const last=pairs.length-1;if(from>=last)return last;let pair=pairs[from]!;for(let at=from;at<last;at+=1){const f=pairs[at+1]!;if((first[pair]!&second[f]!)!==0)return at;pair=f;}return last;}
for(const [n,b] of ordinary(1_000_000)){
 const copy=new Uint8Array(b.length+1);copy.set(b);const pairs=new Uint16Array(copy.buffer,0,b.length>>1);
 let best=1e9,c=0;const tally=new Map<string,number>();
 for(let r=0;r<6;r++){c=0;const t=performance.now();for(let i=0;;){i=next(index.first,index.second,pairs,i);if(i>=pairs.length-1)break;c++;i++;}best=Math.min(best,performance.now()-t);}
 for(let i=0;;){i=next(index.first,index.second,pairs,i);if(i>=pairs.length-1)break;const k=Buffer.from(b.subarray(i*2-1,i*2+4)).toString();tally.set(k,(tally.get(k)??0)+1);i++;}
 console.log(n,(b.length/best/1000).toFixed(0),"MB/s cand/KB",(c/b.length*1000).toFixed(1),[...tally].sort((a,b)=>b[1]-a[1]).slice(0,30).map(x=>JSON.stringify(x[0])).join(" "));
}
