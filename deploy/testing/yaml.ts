import { CORE_SCHEMA, load, loadAll, mergeTag } from 'js-yaml';
import { textOf } from './product';

/** YAML 1.2 with the merge key `<<`, which Compose knows. */
const schema = CORE_SCHEMA.withTags(mergeTag);

/** The one document of a file. The caller says what is in it, and its assertions show whether that is so. */
export const documentOf = (file: string): unknown => load(textOf(file), { schema });

export const documentsIn = (text: string): readonly unknown[] => loadAll(text, { schema });
