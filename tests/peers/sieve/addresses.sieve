### address parts
require ["fileinto", "subaddress"];
if address :localpart "from" "coyote" { fileinto "1"; }
if address :domain "from" "desert.example.org" { fileinto "2"; }
if address :all "from" "coyote@desert.example.org" { fileinto "3"; }
if address "from" "COYOTE@DESERT.EXAMPLE.ORG" { fileinto "4"; }
if address :user "to" "roadrunner" { fileinto "5"; }
if address :detail "to" "mail" { fileinto "6"; }
if address :localpart "to" "roadrunner+mail" { fileinto "7"; }
if address :detail "from" "" { fileinto "8"; }
if address :contains "from" "coyote, wile" { fileinto "9"; }
if address :is "cc" "tim@example.com" { fileinto "10"; }
if address :contains "cc" "comment" { fileinto "11"; }
if address :is "cc" "x@group.example" { fileinto "12"; }
if address :is "cc" "y@group.example" { fileinto "13"; }
if address :contains "cc" "undisclosed" { fileinto "14"; }
if address :matches ["to", "cc"] "*@acme.*" { fileinto "15"; }
### no detail is no match
require ["fileinto", "subaddress", "relational", "comparator-i;ascii-numeric"];
if address :user "from" "coyote" { fileinto "1"; }
if address :detail :matches "from" "*" { fileinto "2"; }
if address :detail :matches "to" "*" { fileinto "3"; }
### octets in addresses
require ["fileinto", "comparator-i;octet"];
if address :comparator "i;octet" :localpart "from" "coyote" { fileinto "1"; }
if address :comparator "i;octet" :domain "from" "desert.example.org" { fileinto "2"; }
if address :comparator "i;octet" :domain "from" "Desert.example.org" { fileinto "3"; }
### several fields and addresses @odd
require "fileinto";
if address "from" "first@example.test" { fileinto "1"; }
if address "from" "second@example.test" { fileinto "2"; }
if address "from" "third@example.test" { fileinto "3"; }
if address "to" "via@example.test" { fileinto "4"; }
if address :domain "to" "route.test" { fileinto "5"; }
if address "resent-to" "resent@example.test" { fileinto "6"; }
if address :domain "cc" "example.test" { fileinto "7"; }
if address :localpart "cc" "mixedcase" { fileinto "8"; }
### a quoted local part @odd
require "fileinto";
if address :localpart "to" "quoted local" { fileinto "1"; }
if address :domain :is "to" "example.test" { fileinto "2"; }
### the null address @odd
require "fileinto";
if address :is "reply-to" "" { fileinto "1"; }
if address :contains "reply-to" "" { fileinto "2"; }
### wrong: a field without addresses
if address "subject" "x" { keep; }
### wrong: two parts
if address :localpart :domain "from" "x" { keep; }
### wrong: subaddress not required
if address :user "from" "x" { keep; }
### envelope
require ["fileinto", "envelope", "subaddress"];
if envelope "from" "sender@example.org" { fileinto "1"; }
if envelope :domain "from" "example.org" { fileinto "2"; }
if envelope :localpart "to" "bob+box" { fileinto "3"; }
if envelope :user "to" "bob" { fileinto "4"; }
if envelope :detail "to" "box" { fileinto "5"; }
if envelope :all ["to", "from"] "bob+box@example.test" { fileinto "6"; }
if envelope :matches "FROM" "*@*.org" { fileinto "7"; }
if envelope :is "from" "" { fileinto "8"; }
### wrong: unknown envelope part
require "envelope"; if envelope "cc" "x" { keep; }
### wrong: envelope not required
if envelope "from" "x" { keep; }
### RFC 5233 section 5, first
require ["envelope", "subaddress", "fileinto"];
if envelope :detail "to" "spam" { fileinto "Spam"; }
if envelope :detail "to" "box" { fileinto "Box"; }
### RFC 5233 section 5, second
require ["envelope", "subaddress", "fileinto"];
if address :user "from" "postmaster" { fileinto "postmaster"; }
elsif envelope :detail ["to"] ["mta-filters"] { fileinto "mta-filters"; }
elsif envelope :detail :matches "to" "b*" { fileinto "b"; }
