### i;ascii-numeric @odd
require ["fileinto", "relational", "comparator-i;ascii-numeric"];
if header :comparator "i;ascii-numeric" :is "x-number" "42" { fileinto "1"; }
if header :comparator "i;ascii-numeric" :is "x-number" "042" { fileinto "2"; }
if header :comparator "i;ascii-numeric" :is "x-number" "42abc" { fileinto "3"; }
if header :comparator "i;ascii-numeric" :is "x-numbers" "42" { fileinto "4"; }
if header :comparator "i;ascii-numeric" :is "x-numbers" "" { fileinto "5"; }
if header :comparator "i;ascii-numeric" :is "x-numbers" "word" { fileinto "6"; }
if header :comparator "i;ascii-numeric" :value "gt" "x-number" "41" { fileinto "7"; }
if header :comparator "i;ascii-numeric" :value "ge" "x-number" "42" { fileinto "8"; }
if header :comparator "i;ascii-numeric" :value "lt" "x-number" "5" { fileinto "9"; }
if header :comparator "i;ascii-numeric" :value "le" "x-number" "42" { fileinto "10"; }
if header :comparator "i;ascii-numeric" :value "eq" "x-number" "0042" { fileinto "11"; }
if header :comparator "i;ascii-numeric" :value "ne" "x-number" "42" { fileinto "12"; }
if header :comparator "i;ascii-numeric" :value "gt" "x-number" "" { fileinto "13"; }
if header :comparator "i;ascii-numeric" :value "lt" "x-number" "" { fileinto "14"; }
if header :comparator "i;ascii-numeric" :value "gt" "x-numbers" "99" { fileinto "15"; }
if header :comparator "i;ascii-numeric" :value "lt" "x-numbers" "8" { fileinto "16"; }
if header :comparator "i;ascii-numeric" :is "x-number" "99999999999999999999999999" { fileinto "17"; }
if header :comparator "i;ascii-numeric" :value "lt" "x-number" "99999999999999999999999999" { fileinto "18"; }
if header :comparator "i;ascii-numeric" :is "x-number" "-42" { fileinto "19"; }
### :value of texts
require ["fileinto", "relational", "comparator-i;octet"];
if header :value "gt" "x-many" "delta" { fileinto "1"; }
if header :value "lt" "x-many" "alpha" { fileinto "2"; }
if header :value "le" "x-many" "ALPHA" { fileinto "3"; }
if header :value "ge" "x-many" "zeta" { fileinto "4"; }
if header :value "eq" "x-many" "Beta" { fileinto "5"; }
if header :value "ne" "x-many" "beta" { fileinto "6"; }
if header :comparator "i;octet" :value "lt" "x-many" "Z" { fileinto "7"; }
if header :comparator "i;octet" :value "gt" "x-many" "Z" { fileinto "8"; }
if header :value "gt" "x-empty" "" { fileinto "9"; }
if header :value "lt" "x-empty" "a" { fileinto "10"; }
if header :value "lt" "x-none" "a" { fileinto "11"; }
if header :value "ge" ["x-many", "x-priority"] ["gamm", "4"] { fileinto "12"; }
if header :value "gt" "x-many" "gammaa" { fileinto "13"; }
### :count of fields
require ["fileinto", "relational", "comparator-i;ascii-numeric"];
if header :count "eq" :comparator "i;ascii-numeric" "x-many" "3" { fileinto "1"; }
if header :count "ge" :comparator "i;ascii-numeric" ["x-many", "x-empty", "received"] "6" { fileinto "2"; }
if header :count "eq" :comparator "i;ascii-numeric" "x-none" "0" { fileinto "3"; }
if header :count "gt" :comparator "i;ascii-numeric" "x-many" ["9", "2"] { fileinto "4"; }
if address :count "gt" :comparator "i;ascii-numeric" "to" "1" { fileinto "5"; }
if address :count "eq" :comparator "i;ascii-numeric" ["to", "cc"] "5" { fileinto "6"; }
if header :count "eq" "x-many" "3" { fileinto "7"; }
if header :count "lt" :comparator "i;ascii-numeric" "x-many" "10" { fileinto "8"; }
if header :count "ne" :comparator "i;ascii-numeric" "x-many" "3" { fileinto "9"; }
### :count of the envelope
require ["fileinto", "relational", "envelope", "comparator-i;ascii-numeric"];
if envelope :count "eq" :comparator "i;ascii-numeric" "from" "1" { fileinto "1"; }
if envelope :count "eq" :comparator "i;ascii-numeric" ["from", "to"] "2" { fileinto "2"; }
### RFC 5231 section 4
require ["relational", "comparator-i;ascii-numeric", "fileinto"];
if header :value "ge" :comparator "i;ascii-numeric" ["x-priority"] ["3"] { fileinto "urgent?"; }
if header :count "ge" :comparator "i;ascii-numeric" ["received"] ["2"] { fileinto "far"; }
### RFC 5231 section 7
require ["relational", "comparator-i;ascii-numeric", "fileinto"];
if header :value "lt" :comparator "i;ascii-numeric" ["x-priority"] ["3"] { fileinto "Priority"; }
elsif address :count "gt" :comparator "i;ascii-numeric" ["to"] ["5"] { fileinto "SPAM"; }
elsif address :value "gt" :all :comparator "i;ascii-casemap" ["from"] ["M"] { fileinto "From N-Z"; }
else { fileinto "From A-M"; }
if allof (address :count "eq" :comparator "i;ascii-numeric" ["to", "cc"] ["1"], address :all :comparator "i;ascii-casemap" ["to", "cc"] ["me@foo.example.com"]) { fileinto "Only me"; }
### wrong: an operator that is none
require "relational"; if header :value "xx" "a" "b" { keep; }
### wrong: no operator
require "relational"; if header :value "a" "b" { keep; }
### wrong: relational not required
if header :value "eq" "a" "b" { keep; }
### wrong: numeric not required
if header :comparator "i;ascii-numeric" "a" "1" { keep; }
### wrong: :contains of numbers
require "comparator-i;ascii-numeric"; if header :comparator "i;ascii-numeric" :contains "a" "1" { keep; }
### wrong: :matches of numbers
require "comparator-i;ascii-numeric"; if header :comparator "i;ascii-numeric" :matches "a" "1" { keep; }
### i;unicode-casemap @encoded
require ["fileinto", "comparator-i;unicode-casemap"];
if header :comparator "i;unicode-casemap" :is "x-lower" "Ä" { fileinto "1"; }
if header :comparator "i;unicode-casemap" :contains "subject" "KÖLN" { fileinto "2"; }
if header :comparator "i;unicode-casemap" :matches "subject" "gr*KÖLN" { fileinto "3"; }
if header :comparator "i;unicode-casemap" :is "subject" "grüsse aus köln" { fileinto "4"; }
### regex
require ["fileinto", "regex", "variables"];
if header :regex "subject" "MAKE (.*) FAST" { fileinto "1 ${1}|${0}"; }
if header :regex "subject" "make (.*) fast" { fileinto "2 ${1}"; }
if header :regex "subject" "^re: \\[([a-z-]+)\\]" { fileinto "3 ${1}"; }
if header :regex "x-many" "^(al|be)[a-z]+$" { fileinto "4 ${1}"; }
if header :regex "subject" "[0-9]{2}" { fileinto "5"; }
if header :regex "x-priority" "^[[:digit:]]$" { fileinto "6"; }
if string :regex "abcd" "b(x?)c" { fileinto "7 [${1}]"; }
if address :regex "from" "^(.*)@(.*)$" { fileinto "8 ${1} ${2}"; }
### regex with octets
require ["fileinto", "regex", "comparator-i;octet"];
if header :comparator "i;octet" :regex "subject" "make" { fileinto "1"; }
if header :comparator "i;octet" :regex "subject" "MAKE" { fileinto "2"; }
### wrong: regex that is none
require "regex"; if header :regex "subject" "a(b" { keep; }
### wrong: regex not required
if header :regex "subject" "a" { keep; }
