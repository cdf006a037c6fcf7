import { defaultPatternSet, SECRET_PATTERNS } from "#src/redact/patterns.ts";
import { newMatchState, runProgram } from "#src/redact/program.ts";
import { nextAnchor } from "#src/redact/anchors.ts";
import { matchAssignment } from "#src/redact/assignment.ts";
const set=defaultPatternSet();
const unit=process.argv[2]??"okta", id=process.argv[3]??"okta-token";
const bytes=Buffer.allocUnsafeSlow(65536);bytes.fill(unit);
const pairs=new Uint16Array(bytes.buffer,0,bytes.length>>1);
const pat=set.patterns.find(p=>p.id===id)!;
function t(name:string,f:()=>void){let best=1e9;for(let i=0;i<80;i++){const s=performance.now();f();best=Math.min(best,performance.now()-s);}console.log(name,(best*1e6/(65536/unit.length)).toFixed(1),"ns per unit");}
let n=0;const cur={node:0,end:0};
t("nextAnchor",()=>{n=0;for(let a=0;;a++){a=nextAnchor(set.index,bytes,pairs,a,cur);if(a>=bytes.length)break;n++;}});
console.log(n);
const st=newMatchState(set.program,bytes);
t("run",()=>{st.runEnds.fill(0);st.runStarts.fill(0);for(let a=0;a<65000;a+=unit.length){st.limit=Math.min(65536,a+16384);st.final=st.limit<65536;runProgram(set.program,st,pat.entry,a);}});
t("run+assign",()=>{st.runEnds.fill(0);st.runStarts.fill(0);for(let a=0;a<65000;a+=unit.length){st.limit=Math.min(65536,a+16384);st.final=st.limit<65536;const k=runProgram(set.program,st,pat.entry,a);if(k>0&&pat.assignment)matchAssignment(st,k,pat.assignment);}});
