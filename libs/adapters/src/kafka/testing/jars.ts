import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from '../../testing/run';

const KAFKA_VERSION = '4.3.1';

/** Downloads of some 45 MB; once they are there, neither network nor Maven is needed. */
const DOWNLOAD_MAX_MS = 600_000;

/** Something has to be installed first; the message says what. */
export class KafkaToolMissing extends Error {
  readonly code = 'kafka_tool_missing';
}

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
  <groupId>drawdown</groupId><artifactId>kafka-broker</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA_VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
  <build><plugins><plugin><groupId>org.apache.maven.plugins</groupId><artifactId>maven-dependency-plugin</artifactId><version>3.8.1</version></plugin></plugins></build>
</project>
`;

/** The folder with Apache Kafka's jars below `cache`, fetched by Maven the first time. */
export const kafkaJars = async (cache = path.resolve('.cache/kafka')): Promise<string> => {
  await requireTool('java', '-version', 'Java 17 or later (Debian: apt-get install openjdk-17-jre-headless)');
  const jars = path.join(cache, KAFKA_VERSION);
  if (existsSync(jars)) return jars;
  await requireTool('mvn', '-version', 'Maven, which fetches Kafka the first time (Debian: apt-get install maven)');
  await mkdir(cache, { recursive: true });
  // Under another name until all are there, so that a download that was broken off is no cache.
  const coming = await mkdtemp(path.join(cache, 'coming-'));
  try {
    await download(coming);
    await rename(path.join(coming, 'lib'), jars).catch((error: unknown) => {
      if (!existsSync(jars)) throw error; // else another process was first
    });
  } finally {
    await rm(coming, { recursive: true, force: true });
  }
  return jars;
};

const download = async (folder: string): Promise<void> => {
  const pom = path.join(folder, 'pom.xml');
  await writeFile(pom, POM);
  const copy = [
    'dependency:copy-dependencies',
    '-DincludeScope=runtime',
    `-DoutputDirectory=${path.join(folder, 'lib')}`,
  ];
  await run('mvn', ['-B', '-ntp', '-q', '-f', pom, ...copy], DOWNLOAD_MAX_MS);
};

const requireTool = async (tool: string, ask: string, what: string): Promise<void> => {
  try {
    await run(tool, [ask], 60_000);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new KafkaToolMissing(`\`${tool}\` is missing: install ${what}`, { cause: error });
  }
};
