### date parts
require ["date", "fileinto", "variables"];
if date :matches "date" "year" "*" { fileinto "1 ${1}"; }
if date :matches "date" "month" "*" { fileinto "2 ${1}"; }
if date :matches "date" "day" "*" { fileinto "3 ${1}"; }
if date :zone "+0100" :matches "date" "date" "*" { fileinto "4 ${1}"; }
if date :zone "+0100" :matches "date" "hour" "*" { fileinto "5 ${1}"; }
if date :zone "+0100" :matches "date" "minute" "*" { fileinto "6 ${1}"; }
if date :zone "+0100" :matches "date" "second" "*" { fileinto "7 ${1}"; }
if date :zone "+0100" :matches "date" "time" "*" { fileinto "8 ${1}"; }
if date :zone "+0100" :matches "date" "iso8601" "*" { fileinto "9 ${1}"; }
if date :zone "+0100" :matches "date" "std11" "*" { fileinto "10 ${1}"; }
if date :zone "+0100" :matches "date" "zone" "*" { fileinto "11 ${1}"; }
if date :matches "date" "weekday" "*" { fileinto "12 ${1}"; }
if date :matches "date" "julian" "*" { fileinto "13 ${1}"; }
### zones @encoded
require ["date", "fileinto", "variables"];
if date :originalzone :matches "date" "zone" "*" { fileinto "1 ${1}"; }
if date :originalzone :matches "date" "hour" "*" { fileinto "2 ${1}"; }
if date :zone "+0000" :matches "date" "hour" "*" { fileinto "3 ${1}"; }
if date :zone "+0000" :matches "date" "day" "*" { fileinto "4 ${1}"; }
if date :zone "-0330" :matches "date" "time" "*" { fileinto "5 ${1}"; }
if date :zone "+0530" :matches "date" "std11" "*" { fileinto "6 ${1}"; }
if date :zone "-0500" :matches "date" "julian" "*" { fileinto "7 ${1}"; }
if date :zone "+0530" :matches "date" "weekday" "*" { fileinto "8 ${1}"; }
if date :originalzone :matches "date" "iso8601" "*" { fileinto "9 ${1}"; }
### no date @odd
require ["date", "fileinto"];
if date :matches "date" "year" "*" { fileinto "1"; }
if date :matches "x-none" "year" "*" { fileinto "2"; }
if not date :is "date" "year" "2026" { fileinto "3"; }
### dates in Received
require ["date", "fileinto", "index"];
if date :zone "+0100" "received" "hour" "10" { fileinto "1"; }
if date :zone "+0100" "received" "hour" "09" { fileinto "2"; }
if date :index 2 :zone "+0100" "received" "hour" "09" { fileinto "3"; }
if date :index 1 :last :zone "+0100" "received" "minute" "59" { fileinto "4"; }
if date :index 3 "received" "year" "2026" { fileinto "5"; }
### comparisons
require ["date", "relational", "comparator-i;ascii-numeric", "fileinto"];
if date :value "ge" :zone "+0100" "date" "date" "2026-11-01" { fileinto "1"; }
if date :value "lt" :zone "+0100" "date" "hour" "09" { fileinto "2"; }
if date :comparator "i;ascii-numeric" :value "ge" :zone "+0100" "date" "hour" "9" { fileinto "3"; }
if date :comparator "i;ascii-numeric" :value "lt" "date" "weekday" "6" { fileinto "4"; }
if date :is "date" "WEEKDAY" "1" { fileinto "5"; }
if date :count "eq" :comparator "i;ascii-numeric" "received" "year" "1" { fileinto "6"; }
### currentdate
require ["date", "relational", "fileinto", "comparator-i;ascii-numeric"];
if currentdate :value "ge" "year" "2020" { fileinto "1"; }
if currentdate :matches "date" "????-??-??" { fileinto "2"; }
if currentdate :zone "+0000" :is "zone" "+0000" { fileinto "3"; }
if currentdate :zone "-0130" :is "zone" "-0130" { fileinto "4"; }
if currentdate :matches "std11" "???, ?? ??? ???? ??:??:?? *" { fileinto "5"; }
if currentdate :value "ge" :comparator "i;ascii-numeric" "julian" "61000" { fileinto "6"; }
### wrong: a part that is none
require "date"; if date "date" "fortnight" "1" { keep; }
### wrong: a zone that is none
require "date"; if date :zone "CET" "date" "year" "1" { keep; }
### wrong: two zones
require "date"; if date :zone "+0100" :originalzone "date" "year" "1" { keep; }
### wrong: date not required
if date "date" "year" "1" { keep; }
### wrong: an original zone of now
require "date"; if currentdate :originalzone "year" "1" { keep; }
### RFC 5260 section 4.3
require ["date", "relational", "fileinto"];
if allof (header :is "from" "boss@example.com", date :value "ge" :originalzone "date" "hour" "09", date :value "lt" :originalzone "date" "hour" "17") { fileinto "urgent"; }
if anyof (currentdate :value "ge" "weekday" "0") { fileinto "any day"; }
### RFC 5260 section 5
require ["date", "relational", "vacation"];
if allof (currentdate :value "ge" "date" "2007-06-30", currentdate :value "le" "date" "2007-07-07") { vacation :days 7 "I'm away during the first week in July."; }
### index
require ["index", "fileinto"];
if header :index 1 "x-many" "alpha" { fileinto "1"; }
if header :index 2 "x-many" "alpha" { fileinto "2"; }
if header :index 1 :last "x-many" "gamma" { fileinto "3"; }
if header :index 3 :last "x-many" "alpha" { fileinto "4"; }
if header :index 4 "x-many" "gamma" { fileinto "5"; }
if header :last :index 2 "x-many" "beta" { fileinto "6"; }
if address :index 1 "from" "coyote@desert.example.org" { fileinto "7"; }
### index of two names
require ["index", "fileinto"];
if header :index 1 ["x-many", "x-priority"] "3" { fileinto "1"; }
if header :index 1 ["x-many", "x-priority"] "alpha" { fileinto "2"; }
if header :index 2 ["x-priority", "x-many"] "beta" { fileinto "3"; }
### wrong: last without index
require "index"; if header :last "a" "b" { keep; }
### wrong: index not required
if header :index 1 "a" "b" { keep; }
### wrong: the index 0
require "index"; if header :index 0 "a" "b" { keep; }
### RFC 5260 section 6
require ["date", "relational", "index", "fileinto"];
if date :value "gt" :index 2 :zone "-0500" "received" "iso8601" "2007-02-26T09:00:00-05:00" { fileinto "late"; }
