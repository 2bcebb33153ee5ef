import { Command } from "commander";
import { documentJsonSchema } from "../../shared/config/json-schema.ts";
import { testFileJsonSchema } from "../cases/case-schema.ts";
import { jsonOption } from "../options.ts";
import { printJson } from "../output.ts";

export function schemaCommand(): Command {
  return new Command("schema")
    .description("Print the document's JSON Schema, for editors.")
    .option("--tests", "that of test files instead")
    .addOption(jsonOption())
    .addHelpText(
      "after",
      "\nExamples:\n  selvage schema > selvage.schema.json\n  # then, first line of selvage.yaml:\n  # yaml-language-server: $schema=./selvage.schema.json\n  selvage schema | jq .properties.gateway.properties",
    )
    .action(({ tests }: { tests?: boolean }) => printJson(tests ? testFileJsonSchema() : documentJsonSchema()));
}
