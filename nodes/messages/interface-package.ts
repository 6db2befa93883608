// A ROS 2 package of message definitions, as colcon builds it: what a robot needs to know an application's own types.
import { IsochronError } from "../../kernels/index.ts";
import { builtInInterfaces } from "./built-in.ts";
import { Definitions, definitionText } from "./definitions.ts";
import { messagesOfFile } from "./files.ts";
import type { InterfaceText } from "./interfaces.ts";
import { shortTypeName } from "./names.ts";
import { parseMessage } from "./parse.ts";

/** A file of a package: its path below the package's folder, and what is in it. */
export interface PackageFile {
  readonly path: string;
  readonly text: string;
}

/** What the package's people fill in, and what is there until they do. */
const filledIn = {
  version: "<version>0.0.0</version>",
  description: "<description>Messages of an Isochron application</description>",
  maintainer: '<maintainer email="name@example.com">Name</maintainer>',
  license: "<license>TODO</license>",
} as const;

/** How a package.xml of ours begins. */
export const packageTitle = `<?xml version="1.0"?>\n<!-- Written by \`isochron messages\`: version, description, maintainer and license are yours, and are kept. -->\n`;

/** The definitions of a package that are known without files, as its files would be. */
export const knownInterfaces = (name: string): InterfaceText[] => [
  ...Definitions.common.allTypes
    .filter((type) => type.startsWith(`${name}/msg/`))
    .map((type) => ({ kind: "msg" as const, type, text: definitionText(Definitions.common.of(type)) })),
  ...builtInInterfaces.filter(({ type }) => type.startsWith(`${name}/`)),
];

/**
 * The files of the package `name`: package.xml, CMakeLists.txt, and its definitions among `interfaces` as they are.
 *
 * What people have filled in in `before`, the package.xml that is there, is kept. Throws `message/package` where none of
 * the definitions is the package's, `message/definition`.
 */
export function interfacePackage(name: string, interfaces: readonly InterfaceText[], before = ""): PackageFile[] {
  const own = interfaces.filter(({ type }) => type.startsWith(`${name}/`));
  if (own.length === 0) {
    const others = [...new Set(interfaces.map(({ type }) => packageOf(type)))].sort();
    throw new IsochronError("message/package", `no definition is of the package ${name}`, {
      help:
        others.length === 0
          ? "name the folder of its definitions: isochron messages FOLDER… --package DIR/NAME"
          : `the last part of the folder's name is the package's; the definitions are of ${others.join(", ")}`,
    });
  }
  const files = own.map(({ kind, type, text }) => ({ path: `${kind}/${type.split("/").at(-1)}.${kind}`, text }));
  const needed = packagesOf(own).filter((each) => each !== name);
  return [
    { path: "package.xml", text: packageXml(name, needed, before) },
    {
      path: "CMakeLists.txt",
      text: cmake(
        files.map(({ path }) => path),
        name,
        needed,
      ),
    },
    ...files,
  ];
}

const packageOf = (type: string): string => type.slice(0, type.indexOf("/"));

/** The packages of all types that definitions are made of, in order. */
function packagesOf(interfaces: readonly InterfaceText[]): string[] {
  const needed = new Set(interfaces.some(({ kind }) => kind === "action") ? ["action_msgs"] : []);
  for (const text of interfaces.flatMap(messagesOfFile)) {
    // What ROS 2 makes around services and actions, it brings the packages of.
    if (/_(Event|SendGoal_\w+|GetResult_\w+|FeedbackMessage)$/.test(text.type)) continue;
    for (const { field } of parseMessage(text)) {
      if (field.isComplex === true) needed.add(packageOf(shortTypeName(field.type)));
      if (field.type === "time" || field.type === "duration") needed.add("builtin_interfaces");
    }
  }
  return [...needed].sort();
}

function packageXml(name: string, needed: readonly string[], before: string): string {
  const kept = Object.entries(filledIn).map(
    ([element, initial]) => new RegExp(`<${element}\\b[^>]*>[^]*?</${element}>`).exec(before)?.[0] ?? initial,
  );
  return `${packageTitle}<package format="3">
  <name>${name}</name>
${kept.map((each) => `  ${each}\n`).join("")}
  <buildtool_depend>ament_cmake</buildtool_depend>
  <buildtool_depend>rosidl_default_generators</buildtool_depend>
${needed.map((each) => `  <depend>${each}</depend>\n`).join("")}  <exec_depend>rosidl_default_runtime</exec_depend>
  <member_of_group>rosidl_interface_packages</member_of_group>

  <export>
    <build_type>ament_cmake</build_type>
  </export>
</package>
`;
}

const cmake = (
  files: readonly string[],
  name: string,
  needed: readonly string[],
): string => `# Written by \`isochron messages\`.
cmake_minimum_required(VERSION 3.8)
project(${name})

find_package(ament_cmake REQUIRED)
find_package(rosidl_default_generators REQUIRED)
${needed.map((each) => `find_package(${each} REQUIRED)\n`).join("")}
rosidl_generate_interfaces(\${PROJECT_NAME}
${files.map((file) => `  "${file}"\n`).join("")}${needed.length > 0 ? `  DEPENDENCIES ${needed.join(" ")}\n` : ""})

ament_export_dependencies(rosidl_default_runtime)
ament_package()
`;
