### setflag for an implicit keep
require "imap4flags"; setflag "\\Seen";
### addflag, keep
require "imap4flags"; addflag "\\Seen"; addflag ["\\Flagged", "work"]; keep;
### flags of one string
require "imap4flags"; setflag "  \\Seen   a  b  "; keep;
### removeflag
require "imap4flags"; setflag ["a", "b", "c"]; removeflag ["B", "x"]; keep;
### twice the same in another case
require "imap4flags"; addflag "Work"; addflag "WORK"; keep;
### empty strings
require "imap4flags"; setflag ["", "a", ""]; keep;
### invalid flags are ignored
require "imap4flags"; setflag ["\\Recent", "\\Nonsense", "a(b", "a]", "g%h", "ok", "\\Draft"]; keep;
### :flags
require ["imap4flags", "fileinto"]; setflag "x"; fileinto :flags ["a", "b c"] "m"; keep;
### :flags "" clears
require ["imap4flags", "fileinto"]; setflag "x"; fileinto :flags "" "m"; keep :flags "";
### the last flags win
require ["imap4flags", "fileinto"]; fileinto :flags "a" "m"; fileinto :flags "b" "m";
### keep with flags, then without
require ["imap4flags", "fileinto"]; keep :flags "a"; keep;
### INBOX with flags, then keep with others
require ["imap4flags", "fileinto"]; fileinto :flags "a" "INBOX"; keep :flags "b";
### flags set after filing
require ["imap4flags", "fileinto"]; fileinto "a"; setflag "x"; fileinto "b";
### flags and discard
require "imap4flags"; setflag "x"; discard;
### hasflag
require ["imap4flags", "fileinto", "relational", "comparator-i;ascii-numeric"];
if hasflag "a" { fileinto "0"; }
setflag "A b \\Seen";
if hasflag "a" { fileinto "1"; }
if hasflag "c" { fileinto "2"; }
if hasflag ["c", "B"] { fileinto "3"; }
if hasflag :is "b A" { fileinto "4"; }
if hasflag "" { fileinto "5"; }
if hasflag :contains "see" { fileinto "6"; }
if hasflag :matches "\\\\*" { fileinto "7"; }
if hasflag :count "eq" :comparator "i;ascii-numeric" "3" { fileinto "8"; }
if hasflag :count "gt" :comparator "i;ascii-numeric" ["5", "2"] { fileinto "9"; }
if hasflag "\\seen" { fileinto "10"; }
### hasflag with variables
require ["imap4flags", "fileinto", "variables", "relational", "comparator-i;ascii-numeric"];
set "MyVar" "NonJunk Junk gnus-forward $Forwarded NotJunk JunkRecorded $Junk $NotJunk";
if hasflag :contains "MyVar" "Junk" { fileinto "1"; }
if hasflag :contains "MyVar" "forward" { fileinto "2"; }
if hasflag :contains "MyVar" ["label", "forward"] { fileinto "3"; }
if hasflag :contains "MyVar" ["junk", "forward"] { fileinto "4"; }
if hasflag :contains "MyVar" "junk forward" { fileinto "5"; }
if hasflag :contains "MyVar" "label" { fileinto "6"; }
if hasflag :contains "MyVar" ["label1", "label2"] { fileinto "7"; }
set "MyFlags" "A B A b";
if hasflag :count "ge" :comparator "i;ascii-numeric" "MyFlags" "2" { fileinto "8"; }
if hasflag :count "eq" :comparator "i;ascii-numeric" ["MyFlags", "MyVar"] "10" { fileinto "9"; }
if hasflag ["MyFlags", "MyVar"] "$junk" { fileinto "10"; }
if hasflag "None" "a" { fileinto "11"; }
### variables hold flags
require ["imap4flags", "fileinto", "variables"];
setflag "f" "\\Deleted"; addflag "f" "\\Answered"; addflag "f" ["\\Deleted", "x"]; removeflag "f" "X";
keep :flags "${f}";
if string :contains "${f}" "deleted" { fileinto :flags ["${f}", "y"] "m"; }
### RFC 5232 section 3.1
require ["imap4flags", "fileinto", "variables"];
if size :over 500K { setflag "\\Deleted"; }
if header :contains "from" "coyote" { setflag "flagvar" "\\Flagged"; fileinto :flags "${flagvar}" "INBOX.From Boss"; }
### RFC 5232 section 3.3 @list
require ["imap4flags", "fileinto", "variables"];
if header :contains "Disposition-Notification-To" "mel@example.com" { addflag "flagvar" "$MDNRequired"; }
if header :contains "from" "ietf" { removeflag "flagvar" "$MDNRequired"; fileinto :flags "${flagvar}" "INBOX.imap-list"; }
### RFC 5232 section 9 @list
require ["fileinto", "imap4flags", "variables"];
if size :over 1M { addflag "MyFlags" "Big";
  if header :is "From" "boss@company.example.com" { addflag "MyFlags" "\\Flagged"; }
  fileinto :flags "${MyFlags}" "Big messages"; }
if header :is "From" "grandma@example.net" { addflag "MyFlags" ["\\Answered", "$MDNSent"]; fileinto :flags "${MyFlags}" "GrandMa"; }
if header :is "Sender" "owner-ietf-mta-filters@example.org" { set "MyFlags" "\\Flagged $Work"; keep :flags "${MyFlags}"; }
elsif anyof address :domain :is ["From", "To"] "company.example.com" { keep :flags "${MyFlags}"; }
### RFC 5232 section 9, its test list in brackets @list
require ["fileinto", "imap4flags", "variables"];
if header :is "Sender" "owner-ietf-mta-filters@example.org" { set "MyFlags" "\\Flagged $Work"; keep :flags "${MyFlags}"; }
elsif anyof (address :domain :is ["From", "To"] "company.example.com") { keep :flags "${MyFlags}"; }
elsif anyof (not address :all :contains ["To", "Cc"] "me@company.example.com", header :matches "subject" ["*make*money*fast*", "*university*dipl*mas*"]) { removeflag "MyFlags" "\\Flagged"; fileinto :flags "${MyFlags}" "spam"; }
else { fileinto :flags "${MyFlags}" "personal"; }
### wrong: a variable without variables
require "imap4flags"; setflag "f" "a";
### wrong: setflag alone
require "imap4flags"; setflag;
### wrong: :flags not required
keep :flags "a";
### wrong: setflag as a test
require "imap4flags"; if setflag "a" { keep; }
### wrong: hasflag as a command
require "imap4flags"; hasflag "a";
### wrong: a name that is none
require ["imap4flags", "variables"]; setflag "a b" "c";
