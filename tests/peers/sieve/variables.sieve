### set and use
require ["variables", "fileinto"];
set "honorific" "Mr"; set "first_name" "Wile"; set "last_name" "Coyote";
set "vacation" text:
Dear ${HONORIFIC} ${last_name},
I'm out.
.
;
fileinto "${honorific}. ${First_Name} ${LAST_NAME}";
### unknown variables are empty
require ["variables", "fileinto"]; fileinto "a${unknown}b${1}c${9}";
### match variables beyond any glob
require ["variables", "fileinto"]; fileinto "a${99}b";
### what is no variable stays
require ["variables", "fileinto"];
set "company" "ACME";
fileinto "${full"; fileinto "${}"; fileinto "a${ company }"; fileinto "${company"; fileinto "$${company}"; fileinto "${$company}"; fileinto "{company}"; fileinto "${president, ${company} Inc.}"; fileinto "${${company}}";
### RFC 5229 section 3: namespaces are not known
require ["variables", "fileinto"]; fileinto "x${a.b}y";
### variables are filled in once
require ["variables", "fileinto"]; set "a" "${b}"; set "b" "x"; set "c" "$"; fileinto "1${a}"; fileinto "${c}{b}";
### names in any case
require ["variables", "fileinto"]; set "Name" "x"; set "NAME" "y"; fileinto "${name}";
### modifiers
require ["variables", "fileinto"];
set "a" "juMBlEd lETteRS";
set :length "b" "${a}"; fileinto "1 ${b}";
set :lower "b" "${a}"; fileinto "2 ${b}";
set :upperfirst "b" "${a}"; fileinto "3 ${b}";
set :upperfirst :lower "b" "${a}"; fileinto "4 ${b}";
set :quotewildcard "b" "Rock*"; fileinto "5 ${b}";
set :upper "b" "${a}"; fileinto "6 ${b}";
set :lowerfirst "b" "ABC"; fileinto "7 ${b}";
set :lower :upperfirst "b" "${a}"; fileinto "8 ${b}";
set :quotewildcard "b" "a?b*c\\d"; fileinto "9 ${b}";
set :length :upper "b" "häß"; fileinto "10 ${b}";
set :quotewildcard :length "b" "**"; fileinto "11 ${b}";
### modifiers leave what is not ASCII
require ["variables", "fileinto"]; set :upper "a" "grün"; fileinto "${a}"; set :lower "a" "GRÜN"; fileinto "${a}"; set :length "a" "grün€"; fileinto "${a}";
### string
require ["variables", "fileinto"];
set "state" "${state} pending";
if string :matches " ${state} " "* pending *" { fileinto "1"; }
if string "${state}" " pending" { fileinto "2"; }
if string :is ["a", "b"] ["c", "B"] { fileinto "3"; }
if string :contains "" "" { fileinto "4"; }
if string :is "${unset}" "" { fileinto "5"; }
if string :matches "abc" ["x*", "a?c"] { fileinto "6"; }
### string :count
require ["variables", "fileinto", "relational", "comparator-i;ascii-numeric"];
set "a" "x";
if string :count "eq" :comparator "i;ascii-numeric" ["a", "${a}", "c"] "3" { fileinto "1"; }
if string :count "eq" :comparator "i;ascii-numeric" ["", "a", "${unset}"] "1" { fileinto "2"; }
if string :count "eq" :comparator "i;ascii-numeric" ["", "a", "${unset}"] "3" { fileinto "3"; }
### captures
require ["variables", "fileinto"];
if header :matches "subject" "*[*] *" { fileinto "1 ${1}|${2}|${3}|${0}"; }
if header :matches "x-priority" "?" { fileinto "2 ${1}|${2}"; }
if header :matches "x-many" "*m*" { fileinto "3 ${1}|${2}"; }
### captures are as short as they can be
require ["variables", "fileinto"];
if string :matches "aaabaaab" "*b*" { fileinto "1 ${1}-${2}"; }
if string :matches "a.b.c.d" "*.*" { fileinto "2 ${1}-${2}"; }
if string :matches "a.b.c.d" "*.*.*" { fileinto "3 ${1}-${2}-${3}"; }
if string :matches "xaxax" "*a?" { fileinto "4 ${1}-${2}"; }
if string :matches "foobar" "**" { fileinto "5 ${1}-${2}"; }
if string :matches "foobar" "?*?" { fileinto "6 ${1}-${2}-${3}"; }
if string :matches "abcabc" "*abc" { fileinto "7 ${1}"; }
if string :matches "" "*" { fileinto "8 [${1}]"; }
### a failed match keeps captures
require ["variables", "fileinto"];
if string :matches "abc" "a*" { fileinto "1 ${1}"; }
if string :matches "xyz" "a*" { discard; }
fileinto "2 ${1}";
if string :is "abc" "abc" { fileinto "3 ${1}"; }
if string :contains "abc" "b" { fileinto "4 ${1}"; }
if string :matches "q" "q" { fileinto "5 [${0}] [${1}]"; }
### captures in a test list
require ["variables", "fileinto"];
if allof (string :matches "one" "*e", string :matches "two" "t*") { fileinto "1 ${1}"; }
if anyof (string :matches "one" "*e", string :matches "two" "t*") { fileinto "2 ${1}"; }
if not string :matches "one" "o*" { keep; } else { fileinto "3 ${1}"; }
### nine captures
require ["variables", "fileinto"];
if string :matches "a-b-c-d-e-f-g-h-i-j-k" "*-*-*-*-*-*-*-*-*-*-*" { fileinto "${1}${2}${3}${4}${5}${6}${7}${8}${9}"; }
### wildcards by variable
require ["variables", "fileinto"];
set "p" "a*"; if string :matches "abc" "${p}" { fileinto "1"; }
set "p" "a\\*"; if string :matches "abc" "${p}" { fileinto "2"; }
if string :matches "a*" "${p}" { fileinto "3"; }
### variables in lists and keys
require ["variables", "fileinto"];
set "h" "subject"; set "k" "money";
if header :contains ["x", "${h}"] ["y", "${k}"] { fileinto "1"; }
if exists "${h}" { fileinto "2"; }
### RFC 5229 section 3.2
require ["fileinto", "variables"];
if header :matches "List-ID" "*<*@*" { fileinto "INBOX.lists.${2}"; }
if header :matches "Subject" "[acme-*] *" { fileinto "INBOX.${1}"; }
if header :matches "Subject" "*[acme-*] *" { fileinto "INBOX.${1}${2}"; }
if address :matches ["To", "Cc"] ["coyote@**.com", "wile@**.com"] { fileinto "INBOX.business.${2}"; stop; }
else { fileinto "INBOX.private"; }
### RFC 5229 section 4, extended
require ["fileinto", "variables"];
set "a" "b"; set :upper "a" "${a}c"; fileinto "${a}";
### set in one branch
require ["fileinto", "variables"];
if true { set "a" "1"; } else { set "a" "2"; } fileinto "${a}";
### numbers as names with zeros
require ["variables", "fileinto"]; if string :matches "abc" "a*" { fileinto "${01} ${001} ${00}"; }
### wrong: a name that is none
require "variables"; set "a b" "c";
### wrong: a name of digits
require "variables"; set "1" "c";
### wrong: two modifiers of one precedence
require "variables"; set :lower :upper "a" "b";
### wrong: set not required
set "a" "b";
### not required, not filled in
require "fileinto"; fileinto "${a}";
### wrong: a namespace to set
require "variables"; set "a.b" "c";
### wrong: set with one argument
require "variables"; set "a";
### encoded characters
require ["encoded-character", "fileinto"];
fileinto "a${hex:40}b"; fileinto "${HEX: 41 42 }"; fileinto "${unicode:20ac}"; fileinto "${unicode:41 0042}"; fileinto "${hex:c3 bc}"; fileinto "$${hex:24}";
### encoded characters: what is none stays
require ["encoded-character", "fileinto"];
fileinto "1${hex:41 4g}"; fileinto "2${hex:}"; fileinto "3${hex:zz}"; fileinto "4${unicode:}"; fileinto "5${unicode: }"; fileinto "6${hex:4041}"; fileinto "7${hex: 40"; fileinto "8${ hex:40}"; fileinto "9${hex :40}"; fileinto "10${unicode:x}";
### encoded characters with tabs and line ends
require ["encoded-character", "fileinto"];
fileinto "${hex:40	41}"; fileinto "${hex:42
43}";
### RFC 5228 section 2.4.2.4
require ["encoded-character", "fileinto"];
fileinto "$${hex:40}"; fileinto "${hex: 40 }"; fileinto "${HEX: 40}"; fileinto "${unicode:40}"; fileinto "${ unicode:40}"; fileinto "${UNICODE:40}"; fileinto "${unICoDE:  0000040 }";
### wrong: a surrogate
require ["encoded-character", "fileinto"]; fileinto "${unicode:d800}";
### wrong: beyond Unicode
require ["encoded-character", "fileinto"]; fileinto "${Unicode:Cool}"; fileinto "${unicode:200000}";
### encoded characters make a variable
require ["encoded-character", "variables", "fileinto"]; set "a" "x"; fileinto "${hex:24}{a}"; fileinto "${${hex:61}}";
### encoded characters not required
require "fileinto"; fileinto "${hex:40}";
