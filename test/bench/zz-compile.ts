import { SECRET_PATTERNS } from "#src/redact/patterns.ts";
import { compilePatterns } from "#src/redact/pattern-set.ts";
for(let i=0;i<3;i++){const t=performance.now();const s=compilePatterns(SECRET_PATTERNS);console.log((performance.now()-t).toFixed(1),s.program.code.length,s.program.classes.length/256,s.program.slots,s.index.ends.length,s.index.width);}
