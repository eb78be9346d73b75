### body of a plain message
require ["body", "fileinto"];
if body :contains "hello road" { fileinto "1"; }
if body :raw :contains "*body*" { fileinto "2"; }
if body :text :contains "BODY" { fileinto "3"; }
if body :content "text" :contains "message." { fileinto "4"; }
if body :content "text/html" :contains "message." { fileinto "5"; }
if body :raw :contains "Subject" { fileinto "6"; }
if body :raw :matches "*Road*Runner*" { fileinto "7"; }
if body :contains "nothing of this" { fileinto "8"; }
if body :content "" :contains "Hello" { fileinto "9"; }
### body with a transfer encoding @encoded
require ["body", "fileinto"];
if body :text :contains "Schöne Grüße" { fileinto "1"; }
if body :raw :contains "Sch=F6ne" { fileinto "2"; }
if body :content "text/plain" :contains "Grüße" { fileinto "3"; }
if body :raw :contains "schöne" { fileinto "4"; }
### body of parts @multipart
require ["body", "fileinto"];
if body :content "text/plain" :contains "butterfly" { fileinto "1"; }
if body :content "text" :contains "moth" { fileinto "2"; }
if body :content "text/html" :contains "<b>" { fileinto "3"; }
if body :text :contains "butterfly" { fileinto "4"; }
if body :raw :contains "UGxhaW4gYnV0" { fileinto "5"; }
if body :content "application/pdf" :contains "%PDF-1.4" { fileinto "6"; }
if body :content "message/rfc822" :contains "nested subject" { fileinto "7"; }
if body :content "image" :contains "not really" { fileinto "8"; }
if body :content ["audio", "text/plain"] :contains "beetle" { fileinto "9"; }
if body :raw :contains "epilogue" { fileinto "10"; }
if body :content "text/plain" :contains "<b>" { fileinto "11"; }
if body :text :contains "moth" { fileinto "12"; }
### body content of odd types @multipart
require ["body", "fileinto"];
if body :content "text/" :contains "butterfly" { fileinto "1"; }
if body :content "/plain" :contains "butterfly" { fileinto "2"; }
if body :content "text/plain/x" :contains "butterfly" { fileinto "3"; }
if body :content "TEXT/Plain" :contains "butterfly" { fileinto "4"; }
if body :content "multipart" :contains "preamble" { fileinto "5"; }
if body :content "multipart" :contains "epilogue" { fileinto "6"; }
### an empty body @odd
require ["body", "fileinto", "relational", "comparator-i;ascii-numeric"];
if body :raw :is "" { fileinto "1"; }
if body :text :contains "" { fileinto "2"; }
if body :count "ge" :comparator "i;ascii-numeric" "1" { fileinto "3"; }
### body sets no captures
require ["body", "fileinto", "variables"];
if header :matches "x-priority" "*" { set "x" "y"; }
if body :raw :matches "*Road*" { fileinto "1 ${1}"; }
### wrong: body not required
if body :contains "x" { keep; }
### wrong: two transforms
require "body"; if body :raw :text :contains "x" { keep; }
### wrong: content without types
require "body"; if body :content { keep; }
### RFC 5173 section 5.1
require ["body", "fileinto"];
if body :raw :contains "MAKE MONEY FAST" { discard; }
### RFC 5173 section 5.2 @multipart
require ["body", "fileinto"];
if not body :text :contains "hello" { fileinto "1"; }
if body :content "text" :matches "*butter*" { fileinto "2"; }
if body :content ["text", "message/rfc822"] :contains "nested" { fileinto "3"; }
### editheader: add
require ["editheader", "fileinto"];
addheader "X-New" "value"; addheader :last "X-Last" "end"; addheader "X-Many" "first";
if header "x-new" "value" { fileinto "1"; }
if header "x-last" "end" { fileinto "2"; }
if exists ["x-new", "x-last"] { fileinto "3"; }
### editheader: add and index
require ["editheader", "fileinto", "index"];
addheader "X-Many" "first"; addheader :last "X-Many" "last";
if header :index 1 "x-many" "first" { fileinto "1"; }
if header :index 1 :last "x-many" "last" { fileinto "2"; }
if header :index 2 "x-many" "alpha" { fileinto "3"; }
### editheader: delete
require ["editheader", "fileinto"];
deleteheader "X-Many"; if exists "X-Many" { fileinto "1"; } else { fileinto "2"; }
deleteheader "x-none"; deleteheader :contains "x-priority" "4"; if exists "x-priority" { fileinto "3"; }
deleteheader :is "x-priority" "3"; if exists "x-priority" { fileinto "4"; }
### editheader: delete by index and value
require ["editheader", "fileinto", "index"];
deleteheader :index 2 "X-Many"; if header "x-many" "beta" { fileinto "1"; }
if header "x-many" "gamma" { fileinto "2"; }
deleteheader :index 1 :last "X-Many"; if header "x-many" "gamma" { fileinto "3"; }
if header "x-many" "alpha" { fileinto "4"; }
### editheader: delete by value
require ["editheader", "fileinto"];
deleteheader :matches "X-Many" ["*a", "x"]; if exists "x-many" { fileinto "1"; } else { fileinto "2"; }
deleteheader :is "received" ""; if exists "received" { fileinto "3"; }
### editheader: index and value
require ["editheader", "fileinto", "index"];
deleteheader :index 2 :contains "X-Many" "alpha"; if header "x-many" "alpha" { fileinto "1"; }
deleteheader :index 1 :contains "X-Many" "alpha"; if header "x-many" "alpha" { fileinto "2"; }
### editheader: Received is protected
require ["editheader", "fileinto"];
deleteheader "Received"; if exists "received" { fileinto "1"; }
deleteheader "Auto-Submitted"; addheader "X-A" "b"; if exists "x-a" { fileinto "2"; }
### editheader: delete the subject
require ["editheader", "fileinto"];
deleteheader "Subject"; if exists "subject" { fileinto "1"; } addheader "Subject" "new one"; if header "subject" "new one" { fileinto "2"; }
### editheader: letters beyond ASCII
require ["editheader", "fileinto"];
addheader "X-Umlaut" "Grüße €"; if header "x-umlaut" "Grüße €" { fileinto "1"; }
### editheader: a long value
require ["editheader", "fileinto"];
addheader "X-Long" "aaaaaaaaaaaaaaaaaaaaaaaa bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb cccccccccccccccccccccccc dddddddddddddddddddd eeeeeeeeeee";
if header :contains "x-long" "cccc dddd" { fileinto "1"; }
if header :matches "x-long" "a*b c*d e*" { fileinto "2"; }
### wrong: a name of a field that is none
require "editheader"; addheader "X Y" "z";
### wrong: editheader not required
addheader "X" "z";
### wrong: last of delete without index
require "editheader"; deleteheader :last "X-Many";
### RFC 5293 section 4
require ["editheader", "variables", "fileinto"];
addheader "X-Hello" "World";
if header :matches "subject" "*" { set "s" "${1}"; deleteheader "Subject"; addheader "Subject" "[seen] ${s}"; }
if header :contains "subject" "[seen] Re:" { fileinto "seen"; }
