/**
 * The shell programs of the guided tour. They run in the worker's sandbox over a folder that is mounted read-only, so
 * they must cope with whatever lies in it: nothing at all, unreadable files, millions of files (every walk is bounded),
 * names with spaces, quotes, newlines and terminal escapes (control characters become `?` before anything is printed).
 * All numbers of the report come out of these programs; the simulator only quotes them. Needed: sh, GNU find, coreutils,
 * awk, grep, sed. A step ends with the line `Step N of 5 done`, by which the scenario goes on.
 */
export const TOUR_STEPS = 5;

const DONE = (step: number): string => `echo 'Step ${step} of ${TOUR_STEPS} done'`;

/** `D`: the folder. `OUT`: where the steps leave what the report is made of. */
const PRELUDE = `D={{folder|sh}}
OUT="$HOME/tour"
export LC_ALL=C
mkdir -p "$OUT" && cd "$D" || exit 1
`;

/** awk: bytes for people, the name of an index line, and a name in Markdown code. */
const AWK_FUNCTIONS = String.raw`
function human(b,  i, u) { split("B KiB MiB GiB TiB", u, " "); i = 1
  while (b >= 1024 && i < 5) { b /= 1024; i++ }
  return sprintf(i == 1 ? "%.0f %s" : "%.1f %s", b, u[i]) }
function name(line) { sub(/^[^ ]* [^ ]* [^ ]* [^ ]* /, "", line); return line }
function short(text) { return length(text) > 200 ? substr(text, 1, 200) "..." : text }
function code(text) { text = short(text); gsub(/${'`'}/, "\047", text); return "${'`'}" text "${'`'}" }
function partly(read, wanted) { return read < wanted ? sprintf(" (%d of %d files could be read)", read, wanted) : "" }
function many(n, one, more) { return sprintf("%.0f %s", n, n == 1 ? one : more) }
`;

/** Walks once. Index line: type, bytes, time, day, name. */
export const OVERVIEW = `${PRELUDE}${String.raw`timeout 60 find . -xdev -mindepth 1 -printf '%y %s %T@ %TY-%Tm-%Td %P\0' 2>"$OUT/errors" |
  head -z -n 200000 | tr '\000\001-\037\177' '\n?' >"$OUT/index"
closed=$(timeout 20 find . -xdev -type f ! -readable -printf x 2>/dev/null | head -c 200000 | wc -c)
closed=$((closed + $(wc -l <"$OUT/errors")))
{
  awk '${AWK_FUNCTIONS}
    $1 == "f" { files++; bytes += $2 } $1 == "d" { folders++ } $1 == "l" { links++ }
    END {
      print "Total: " many(files, "file", "files") ", " many(folders, "folder", "folders") ", " human(bytes)
      if (links) print "Links: " many(links, "symbolic link", "symbolic links") ", not followed"
      if (NR >= 200000) print "Stopped after 200000 entries; there are more."
    }' "$OUT/index"
  echo "Not readable: $closed"
  echo
  echo 'Bytes by type'
  awk '${AWK_FUNCTIONS}
    $1 == "f" { n = name($0); sub(/.*\//, "", n); type = "(none)"
      if (match(n, /.\.[A-Za-z0-9_-]+$/)) type = tolower(substr(n, RSTART + 1))
      if (length(type) > 12) type = "(other)"
      count[type]++; sum[type] += $2 }
    END { for (type in count) printf "%.0f %s %d\n", sum[type], type, count[type] }' "$OUT/index" |
    sort -rn | head -n 12 |
    awk '${AWK_FUNCTIONS} { printf "  %-12s %10s  %s\n", $2, human($1), many($3, "file", "files") }'
} | tee "$OUT/1-overview"
`}${DONE(1)}`;

export const LARGEST = `${PRELUDE}${String.raw`grep '^f ' "$OUT/index" | sort -k2,2rn | head -n 10 | awk '${AWK_FUNCTIONS}
  NR == 1 { print "Largest: " code(name($0)) ", " human($2) }
  { printf "  %10s  %s\n", human($2), short(name($0)) }
  END { if (!NR) print "Largest: none, there is no file" }' | tee "$OUT/2-largest"
`}${DONE(2)}`;

export const NEWEST = `${PRELUDE}${String.raw`grep '^f ' "$OUT/index" | sort -k3,3rn | head -n 10 | awk '${AWK_FUNCTIONS}
  NR == 1 { print "Newest: " code(name($0)) ", changed on " $4 }
  { printf "  %s  %s\n", $4, short(name($0)) }
  END { if (!NR) print "Newest: none, there is no file" }' | tee "$OUT/3-newest"
`}${DONE(3)}`;

/**
 * Text lines of the first 5000 small files; equal content among files of equal size, by SHA-256. Each line says how many
 * of its files could really be read, so that a program that was stopped or refused never looks like a small number.
 */
export const CONTENT = `${PRELUDE}${String.raw`awk '${AWK_FUNCTIONS} $1 == "f" && $2 > 0 && $2 < 16777216 { print "./" name($0) }' "$OUT/index" |
  head -n 5000 >"$OUT/small"
awk '${AWK_FUNCTIONS} $1 == "f" && $2 > 0 && $2 < 67108864 { print $2 " " name($0) }' "$OUT/index" | sort -n |
  awk '{ size = $1; n = $0; sub(/^[^ ]* /, "./", n)
    if (size == before) { if (!open) print kept; print n; open = 1 } else open = 0
    before = size; kept = n }' | head -n 2000 >"$OUT/equal"
{
  tr '\n' '\0' <"$OUT/small" | timeout 30 xargs -0 -r grep -IcH '' 2>>"$OUT/errors" |
    awk -F: -v wanted="$(wc -l <"$OUT/small")" '${AWK_FUNCTIONS} $NF > 0 { files++; lines += $NF }
      END { print "Text: " many(lines, "line", "lines") " in " many(files, "text file", "text files") partly(NR, wanted) }'
  tr '\n' '\0' <"$OUT/equal" | timeout 40 xargs -0 -r sha256sum 2>>"$OUT/errors" | sed 's/^\\//' | sort |
    awk -v wanted="$(wc -l <"$OUT/equal")" '${AWK_FUNCTIONS}
      { hash = $1; n = short(substr($0, 69)) }
      hash == before { if (!open) { groups++; if (groups <= 10) list = list "  " kept "\n" }
        open = 1; copies++; if (groups <= 10) list = list "    = " n "\n" }
      hash != before { open = 0 }
      { before = hash; kept = n }
      END { print "Duplicates: " many(copies, "file repeats", "files repeat") " the content of another" partly(NR, wanted)
        printf "%s", list }'
} | tee "$OUT/4-content"
`}${DONE(4)}`;

/** Listings stand in code blocks, so that no file name is ever read as Markdown. */
export const REPORT = `${PRELUDE}${String.raw`section() {
  printf '\n## %s\n\n' "$1"
  if [ -s "$OUT/$2" ]; then sed 's/^/    /' "$OUT/$2"; else echo 'Not available: this step did not finish.'; fi
}
{
  printf '# What is in this folder\n\n'
  printf '    folder  %s (as the worker saw it, read-only)\n    date    %s\n' "$D" "$(date -u +%Y-%m-%d)" | tr '\001-\011\013-\037\177' '?'
  printf '\nEvery number below was counted by ordinary programs (find, awk, sort, grep, sha256sum) in a sandbox\n'
  printf 'without network. Nothing in the folder was changed.\n'
  section 'Overview' 1-overview
  section 'Largest files' 2-largest
  section 'Newest files' 3-newest
  section 'Text and duplicates' 4-content
} | { iconv -c -f UTF-8 -t UTF-8 2>/dev/null || cat; } >"$HOME/report.md"
wc -c <"$HOME/report.md" | awk '{ print "Report: " $1 " bytes in report.md" }'
`}${DONE(5)}`;
