### mime tests @multipart
require ["mime", "fileinto"];
if header :mime :type "Content-Type" "multipart" { fileinto "1"; }
if header :mime :subtype "Content-Type" "mixed" { fileinto "2"; }
if header :mime :contenttype "Content-Type" "multipart/mixed" { fileinto "3"; }
if header :mime :param "boundary" "Content-Type" "outer" { fileinto "4"; }
if header :mime :anychild :type "Content-Type" "application" { fileinto "5"; }
if header :mime :anychild :contenttype "Content-Type" "text/html" { fileinto "6"; }
if header :mime :anychild :param "filename" "Content-Disposition" "report.pdf" { fileinto "7"; }
if header :mime :anychild :param ["name", "charset"] "Content-Type" "report.pdf" { fileinto "8"; }
if header :mime :anychild "X-Part" "yes" { fileinto "9"; }
if header :mime "X-Part" "yes" { fileinto "10"; }
if exists :mime :anychild "X-Part" { fileinto "11"; }
if address :mime :anychild "from" "nested@example.test" { fileinto "12"; }
if header :mime :anychild :type "Content-Disposition" "attachment" { fileinto "13"; }
### foreverypart @multipart
require ["foreverypart", "mime", "fileinto"];
foreverypart { if header :mime :contenttype "Content-Type" "text/html" { fileinto "html"; } if header :mime :type "Content-Type" "image" { fileinto "image"; } }
### foreverypart and break @multipart
require ["foreverypart", "mime", "fileinto"];
foreverypart { if header :mime :type "Content-Type" "application" { fileinto "pdf"; break; } if header :mime :type "Content-Type" "image" { fileinto "image"; } }
### foreverypart, named @multipart
require ["foreverypart", "mime", "fileinto"];
foreverypart :name "outer" { foreverypart { if header :mime :subtype "Content-Type" "html" { fileinto "1"; break :name "outer"; } } if header :mime :type "Content-Type" "image" { fileinto "2"; } }
### foreverypart of a plain message
require ["foreverypart", "mime", "fileinto"];
foreverypart { if header :mime :type "Content-Type" "text" { fileinto "text"; } fileinto "part"; }
### extracttext @multipart
require ["foreverypart", "mime", "extracttext", "variables", "fileinto"];
foreverypart { if header :mime :contenttype "Content-Type" "text/plain" { extracttext :first 5 "t"; if string :contains "${t}" "Plain" { fileinto "1 ${t}"; break; } } }
### extracttext with a modifier @multipart
require ["foreverypart", "mime", "extracttext", "variables", "fileinto"];
foreverypart { if header :mime :contenttype "Content-Type" "text/plain" { extracttext :upper "t"; fileinto "${t}"; break; } }
### wrong: break outside
require "foreverypart"; break;
### wrong: break of another name
require "foreverypart"; foreverypart :name "a" { break :name "b"; }
### wrong: extracttext outside
require ["extracttext", "variables"]; extracttext "a";
### wrong: type without mime
require "mime"; if header :type "Content-Type" "text" { keep; }
### RFC 5703 section 4.2 @multipart
require ["mime", "fileinto"];
if header :mime :type "Content-Type" "image" { fileinto "INBOX.images"; }
if header :mime :anychild :contenttype "Content-Type" "text/html" { fileinto "INBOX.html"; }
if header :mime :param "filename" ["Content-Type", "Content-Disposition"] ["important"] { fileinto "INBOX.important"; }
if exists :mime :anychild "Content-MD5" { fileinto "INBOX.md5"; }
### spamtest
require ["spamtest", "fileinto", "relational", "comparator-i;ascii-numeric"];
if spamtest :value "eq" :comparator "i;ascii-numeric" "0" { fileinto "0"; }
if spamtest :value "ge" :comparator "i;ascii-numeric" "5" { fileinto "5"; }
if spamtest :value "ge" :comparator "i;ascii-numeric" "6" { fileinto "6"; }
if spamtest :value "le" :comparator "i;ascii-numeric" "5" { fileinto "under"; }
if spamtest :count "ge" :comparator "i;ascii-numeric" "1" { fileinto "tested"; }
### spamtest of what nobody looked at @list
require ["spamtest", "fileinto", "relational", "comparator-i;ascii-numeric"];
if spamtest :value "eq" :comparator "i;ascii-numeric" "0" { fileinto "0"; }
if spamtest :count "eq" :comparator "i;ascii-numeric" "0" { fileinto "untested"; }
### spamtest :percent
require ["spamtestplus", "fileinto", "relational", "comparator-i;ascii-numeric"];
if spamtest :percent :value "ge" :comparator "i;ascii-numeric" "45" { fileinto "45"; }
if spamtest :percent :value "ge" :comparator "i;ascii-numeric" "46" { fileinto "46"; }
if spamtest :percent :count "ge" :comparator "i;ascii-numeric" "1" { fileinto "tested"; }
### ihave of what there is
require ["ihave", "fileinto"];
if ihave "imap4flags" { addflag "x"; fileinto "1"; } else { fileinto "2"; }
### ihave of what there is not
require ["ihave", "fileinto"];
if ihave "no-such-thing" { nosuchcommand :tag "x"; } else { fileinto "2"; }
### ihave and not
require ["ihave", "fileinto"];
if not ihave "no-such-thing" { fileinto "1"; }
if ihave ["fileinto", "no-such-thing"] { fileinto "2"; }
if anyof (ihave "no-such-thing", ihave "copy") { fileinto "3"; }
### ihave and what follows in allof
require ["ihave", "fileinto"];
if allof (ihave "envelope", envelope :all "from" "sender@example.org") { fileinto "1"; }
if allof (ihave "no-such-thing", nosuchtest "x") { fileinto "2"; } else { fileinto "3"; }
### error
require ["ihave"]; error "this script cannot go on";
### error after an action
require ["ihave", "fileinto"]; fileinto "a"; error "x";
### wrong: error not required
error "x";
### RFC 5463 section 4
require ["ihave"];
if not ihave ["subaddress", "envelope"] { error text:
This script requires subaddress and envelope.
.
; }
if allof (ihave ["subaddress", "envelope"], envelope :detail "to" "box") { redirect "box@example.com"; }
### environment
require ["environment", "fileinto"];
if environment :is "no-such-item" "" { fileinto "1"; }
if environment :matches "no-such-item" "*" { fileinto "2"; }
if environment :matches "version" "*" { fileinto "3"; }
if environment :matches "name" "*" { fileinto "4"; }
### wrong: environment not required
if environment "name" "x" { keep; }
### virustest of what nobody looked at
require ["virustest", "fileinto", "relational", "comparator-i;ascii-numeric"];
if virustest :value "eq" :comparator "i;ascii-numeric" "0" { fileinto "0"; }
