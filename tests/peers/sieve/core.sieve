### keep alone
keep;
### nothing at all
### only comments
# hash
/* bracketed
   * over lines */
### discard
discard;
### stop before
stop; discard;
### stop after
discard; stop; keep;
### if, elsif, else
require "fileinto";
if false { fileinto "a"; } elsif true { fileinto "b"; } else { fileinto "c"; }
if false { fileinto "d"; } elsif false { fileinto "e"; } else { fileinto "f"; }
if true { fileinto "g"; } elsif true { fileinto "h"; }
### allof, anyof, not
require "fileinto";
if allof (true, true) { fileinto "1"; }
if allof (true, false) { fileinto "2"; }
if anyof (false, true) { fileinto "3"; }
if anyof (false, false) { fileinto "4"; }
if not false { fileinto "5"; }
if not not allof (not false, anyof (false, not false)) { fileinto "6"; }
### exists
require "fileinto";
if exists "subject" { fileinto "1"; }
if exists ["Subject", "X-EMPTY"] { fileinto "2"; }
if exists ["Subject", "X-None"] { fileinto "3"; }
if not exists "X-None" { fileinto "4"; }
### size
require "fileinto";
if size :over 100 { fileinto "1"; }
if size :under 1K { fileinto "2"; }
if size :over 1K { fileinto "3"; }
if size :under 1M { fileinto "4"; }
if not size :over 1G { fileinto "5"; }
### size at its edge
require "fileinto";
if size :over 1011 { fileinto "a"; }
if size :under 1000000 { fileinto "b"; }
### header tests
require "fileinto";
if header "x-priority" "3" { fileinto "1"; }
if header :is ["x-none", "x-priority"] ["1", "3"] { fileinto "2"; }
if header :contains "subject" "money" { fileinto "3"; }
if header :contains "subject" "" { fileinto "4"; }
if header :contains "x-none" "" { fileinto "5"; }
if header :is "x-empty" "" { fileinto "6"; }
if header :matches "subject" "*[*]*MONEY*!!!" { fileinto "7"; }
if header :matches "subject" "?e:*" { fileinto "8"; }
if header :matches "x-empty" "*" { fileinto "9"; }
if header :matches "x-empty" "?" { fileinto "10"; }
if header :is "x-spaces" "padded with spaces" { fileinto "11"; }
if header :is "x-many" "beta" { fileinto "12"; }
if header :is "X-MANY" "Gamma" { fileinto "13"; }
### folded headers
require "fileinto";
if header :contains "x-folded" "one" { fileinto "1"; }
if header :contains "x-folded" "three" { fileinto "2"; }
if header :is "x-folded" "one two	three" { fileinto "3"; }
if header :matches "x-folded" "one*three" { fileinto "4"; }
### globs with escapes @odd
require "fileinto";
if header :matches "x-glob" "a\\*b\\?c\\\\d" { fileinto "1"; }
if header :matches "x-glob" "a*d" { fileinto "2"; }
if header :matches "x-glob" "a\\*b\\*c*" { fileinto "3"; }
if header :matches "x-glob" "?????????" { fileinto "4"; }
if header :matches "x-glob" "???????" { fileinto "5"; }
if header :matches "x-glob" "a**d" { fileinto "6"; }
if header :matches "x-glob" "*?d" { fileinto "7"; }
### comparators in header tests
require ["fileinto", "comparator-i;octet"];
if header :comparator "i;octet" :is "x-many" "beta" { fileinto "1"; }
if header :comparator "i;octet" :is "x-many" "Beta" { fileinto "2"; }
if header :comparator "i;ascii-casemap" :is "x-many" "BETA" { fileinto "3"; }
if header :comparator "i;octet" :contains "subject" "MONEY" { fileinto "4"; }
if header :comparator "i;octet" :contains "subject" "money" { fileinto "5"; }
if header :comparator "i;octet" :matches "subject" "*MONEY*" { fileinto "6"; }
### encoded words @encoded
require "fileinto";
if header :is "subject" "Grüße aus Köln" { fileinto "1"; }
if header :contains "subject" "=?utf" { fileinto "2"; }
if header :is "x-mixed" "before € after" { fileinto "3"; }
if header :contains "x-broken" "unfinished" { fileinto "4"; }
if header :is "x-lower" "ä" { fileinto "5"; }
if header :contains "from" "Jürgen Müller" { fileinto "6"; }
if header :contains "to" "André" { fileinto "7"; }
if header :is "x-lower" "Ä" { fileinto "8"; }
### multi-line text
require ["fileinto", "reject"];
if header :contains "subject" "money" {
  reject text: # a comment
Line one
..dots are removed
.

;
}
### multi-line text with its dot doubled at the end
require "reject";
reject text:
one
..
.
;
### strings with escapes
require "fileinto";
fileinto "a\"b";
fileinto "c\\d";
fileinto "e\f";
### numbers with quantifiers
require "fileinto";
if size :over 0 { fileinto "0"; }
if size :over 1k { fileinto "k"; }
if size :under 2m { fileinto "m"; }
if size :under 1g { fileinto "g"; }
### names in any case
REQUIRE "fileinto"; IF Header :IS "X-Priority" "3" { FileInto "a"; } ELSE { Keep; }
### blocks in blocks
require "fileinto";
if true { if true { if true { if true { if true { if true { if true { if true { if true { if true {
if true { if true { if true { if true { if true { fileinto "15"; } } } } } } } } } } } } } } }
### an empty block
if true { } else { discard; }
### RFC 5228 section 2.3: comments
if size :over 100K { # this is a comment
  discard;
}
if size :over 100K { /* this is a comment
  this is still a comment */ discard /* this is a comment
  */ ;
}
### RFC 5228 section 2.4.2
if anyof (not exists ["From", "Date"],
  header :contains "from" "fool@example.edu") { discard; }
### RFC 5228 section 2.6.3: match type
if header :contains ["Subject"] ["MAKE MONEY FAST"] { discard; }
### RFC 5228 section 2.7.1
require "fileinto";
if header :contains ["subject"] ["$$$"] { fileinto "x"; }
if header :contains :comparator "i;octet" "Subject" "MAKE MONEY FAST" { discard; }
### RFC 5228 section 2.10.2: implicit keep
if size :over 500K { discard; }
### RFC 5228 section 3.1, first
require "fileinto";
if header :contains "from" "coyote" { discard; }
elsif header :contains ["subject"] ["$$$"] { discard; }
else { fileinto "INBOX"; }
### RFC 5228 section 3.1, second
if header :contains ["From"] ["coyote"] { redirect "acm@example.com"; }
elsif header :contains "Subject" "$$$" { redirect "postmaster@example.com"; }
else { redirect "field@example.com"; }
### RFC 5228 section 4.1
require "fileinto";
if header :contains ["from"] "coyote" { fileinto "INBOX.harassment"; }
### RFC 5228 section 4.3
if size :under 1M { keep; } else { discard; }
### RFC 5228 section 4.3, the other way
if not size :under 1M { discard; }
### RFC 5228 section 4.4
if header :contains ["from"] ["idiot@example.com"] { discard; }
### RFC 5228 section 5.1
if address :is :all "from" "tim@example.com" { discard; }
### RFC 5228 section 5.4
require "envelope";
if envelope :all :is "from" "tim@example.com" { discard; }
### RFC 5228 section 5.5
if not exists ["From", "Date"] { discard; }
### RFC 5228 section 9
require ["fileinto"];
if header :is "Sender" "owner-ietf-mta-filters@imc.org" { fileinto "filter"; }
elsif address :DOMAIN :is ["From", "To"] "example.com" { keep; }
elsif anyof (NOT address :all :contains ["To", "Cc", "Bcc"] "me@example.com",
  header :matches "subject" ["*make*money*fast*", "*university*dipl*mas*"]) { fileinto "spam"; }
else { fileinto "personal"; }
### wrong: unknown command
filinto "x";
### wrong: extension not required
fileinto "x";
### wrong: extension unknown
require "no-such-extension";
### wrong: require after a command
keep; require "fileinto";
### wrong: no semicolon
keep
### wrong: open block
if true { keep;
### wrong: open string
redirect "a@b.test;
### wrong: open comment
keep; /* x
### wrong: open multi-line
require "reject"; reject text:
x
### wrong: elsif without if
elsif true { keep; }
### wrong: else twice
if true { } else { } else { }
### wrong: test as command
true;
### wrong: command as test
if keep { discard; }
### wrong: number for a string
if header 3 "x" { }
### wrong: too many arguments
if header "a" "b" "c" { }
### wrong: too few arguments
if header "a" { }
### wrong: tag unknown
if header :nosuch "a" "b" { }
### wrong: two match types
if header :is :contains "a" "b" { }
### wrong: tag twice
if header :is :is "a" "b" { }
### wrong: empty list
if header [] "b" { }
### wrong: tag after the arguments
if header "a" "b" :is { }
### wrong: test list for not
if not (true, false) { }
### wrong: allof without a list
if allof { }
### wrong: block after an action
keep { discard; }
### wrong: number too large
if size :over 99999999999999999999 { discard; }
### wrong: quantifier unknown
if size :over 1X { discard; }
### wrong: size without its tag
if size 100 { discard; }
### wrong: size both
if size :over :under 100 { discard; }
### wrong: header name
if header "sub ject" "x" { discard; }
### wrong: no test
if { keep; }
### wrong: comparator unknown
if header :comparator "i;nosuch" "a" "b" { }
### wrong: list in the place of a string
require "fileinto"; fileinto ["a", "b"];
### a list of one in the place of a string
redirect ["a@b.test"];
### wrong: nested lists
if header [["a"]] "b" { }
### wrong: missing comma
if header ["a" "b"] "b" { }
### wrong: comma at the end of a list
if header ["a",] "b" { }
### wrong: comma at the end of tests
if anyof (true,) { }
### wrong: exists with a number
if exists 3 { }
### wrong: single quotes
redirect 'a@b.test';
