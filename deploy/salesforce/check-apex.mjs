// Parses every Apex class with the grammar of apex-dev-tools and fails with file and line of what is not Apex.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ApexErrorListener, ApexParserFactory } from '@apexdevtools/apex-parser';

const folder = join(import.meta.dirname, 'force-app/main/default/classes');
const names = readdirSync(folder).filter((name) => name.endsWith('.cls'));
let problems = 0;

class Listener extends ApexErrorListener {
    constructor(name) {
        super();
        this.name = name;
    }
    apexSyntaxError(line, column, message) {
        problems += 1;
        console.error(`${this.name}:${line}:${column}: ${message}`);
    }
}

for (const name of names) {
    const parser = ApexParserFactory.createParser(readFileSync(join(folder, name), 'utf8'));
    parser.removeErrorListeners();
    parser.addErrorListener(new Listener(name));
    parser.compilationUnit();
}
console.log(`${names.length} classes, ${problems} problems`);
process.exitCode = problems || names.length === 0 ? 1 : 0;
