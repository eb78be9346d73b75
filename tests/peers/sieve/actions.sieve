### fileinto twice
require "fileinto"; fileinto "a"; fileinto "a"; fileinto "b";
### fileinto INBOX and keep
require "fileinto"; fileinto "INBOX"; keep;
### inbox in small letters
require "fileinto"; fileinto "inbox"; keep;
### keep and discard
keep; discard;
### discard and fileinto
require "fileinto"; discard; fileinto "a";
### copy
require ["fileinto", "copy"]; fileinto :copy "a";
### copy and discard
require ["fileinto", "copy"]; fileinto :copy "a"; discard;
### copy into INBOX
require ["fileinto", "copy"]; fileinto :copy "INBOX";
### copy, then not
require ["fileinto", "copy"]; fileinto :copy "a"; fileinto "a";
### redirect
redirect "bart@example.com";
### redirect with a name
redirect "Bart Simpson <bart@example.com>";
### redirect twice
redirect "bart@example.com"; redirect "bart@example.com"; redirect "lisa@example.com";
### redirect and keep
redirect "bart@example.com"; keep;
### redirect a copy
require "copy"; redirect :copy "bart@example.com";
### RFC 3894 section 3
require ["copy", "fileinto"]; fileinto :copy "incoming";
if header :contains "subject" "money" { discard; }
### five redirects
redirect "1@example.com"; redirect "2@example.com"; redirect "3@example.com"; redirect "4@example.com"; redirect "5@example.com";
### six redirects
redirect "1@example.com"; redirect "2@example.com"; redirect "3@example.com"; redirect "4@example.com"; redirect "5@example.com"; redirect "6@example.com";
### wrong: no address
redirect "bart";
### wrong: a name without brackets
redirect "Bart Simpson bart@example.com";
### wrong: two addresses
redirect "a@example.com, b@example.com";
### wrong: the null address
redirect "<>";
### wrong: copy not required
redirect :copy "a@b.test";
### wrong: keep with an argument
keep "a";
### a variable that is no address
require "variables"; set "a" "bart"; redirect "${a}";
### a variable that is an address
require "variables"; set "a" "bart"; redirect "${a}@example.com";
### reject
require "reject"; reject "I do not want it";
### reject and discard
require "reject"; discard; reject "no";
### reject and keep
require "reject"; keep; reject "no";
### reject and fileinto
require ["reject", "fileinto"]; reject "no"; fileinto "a";
### reject and a copy
require ["reject", "fileinto", "copy"]; fileinto :copy "a"; reject "no";
### reject and redirect
require "reject"; redirect "a@b.test"; reject "no";
### reject twice
require "reject"; reject "no"; reject "no";
### reject and vacation
require ["reject", "vacation"]; vacation "away"; reject "no";
### RFC 5429 section 2.1
require ["reject"]; if address "from" "coyote@desert.example.org" { reject "I no longer accept mail from this address"; }
### RFC 5429 section 2.2
require ["reject"];
if size :over 100K { reject text:
Your message is too big.  If you want to send me a big attachment,
put it on a public web site and send me a URL.
.
; }
### RFC 5429 section 2.2.1
require ["reject"];
if header :contains "from" "coyote@desert.example.org" { reject text:
I am not taking mail from you, and I don't
want your birdseed, either!
.
; }
### RFC 5429 section 2.5, with reject
require ["reject", "spamtest", "fileinto", "relational", "comparator-i;ascii-numeric"];
if spamtest :value "ge" :comparator "i;ascii-numeric" "6" { reject "AntiSpam engine thinks your message is spam."; }
elsif spamtest :value "ge" :comparator "i;ascii-numeric" "4" { fileinto "Suspect"; }
### mailboxexists
require ["fileinto", "mailbox"];
if mailboxexists "INBOX" { fileinto "1"; }
if mailboxexists "Partners" { fileinto "2"; }
if mailboxexists ["INBOX", "Partners"] { fileinto "3"; }
if not mailboxexists "Partners" { fileinto :create "4"; }
### RFC 5490 section 3.1
require ["fileinto", "reject", "mailbox"];
if mailboxexists "Partners" { fileinto "Partners"; } else { reject "This message was not accepted by the Mailstore"; }
### specialuse with a fallback
require ["fileinto", "special-use"];
fileinto :specialuse "\\Junk" "Spam";
### wrong: specialuse without a backslash
require ["fileinto", "special-use"]; fileinto :specialuse "Junk" "Spam";
### wrong: specialuse_exists without a backslash
require "special-use"; if specialuse_exists "Junk" { discard; }
### specialuse_exists
require ["fileinto", "special-use"];
if specialuse_exists "\\Archive" { fileinto "1"; }
if specialuse_exists "INBOX" "\\Archive" { fileinto "2"; }
if not specialuse_exists ["\\Junk", "\\Sent"] { fileinto "3"; }
### wrong: create without mailbox
require "fileinto"; fileinto :create "a";
### duplicate, the first time
require ["duplicate", "fileinto"]; if duplicate { discard; } else { fileinto "new"; }
### duplicate by a field that is not there
require ["duplicate", "fileinto"]; if duplicate :header "x-none" { discard; } else { fileinto "new"; }
### duplicate with every argument
require ["duplicate", "fileinto"]; if duplicate :handle "h" :uniqueid "x" :seconds 60 :last { discard; } else { fileinto "new"; }
### wrong: duplicate by header and unique id
require "duplicate"; if duplicate :header "a" :uniqueid "b" { keep; }
### RFC 7352 section 5.4
require ["duplicate", "imap4flags"];
if duplicate :header "X-Event-ID" :handle "notifier" { discard; }
if allof (duplicate :header "X-Ticket-ID" :handle "support", address "to" "support@example.com", header :contains "subject" "fileserver") { setflag "\\seen"; }
### RFC 7352 section 5.2 @list
require ["duplicate", "variables", "imap4flags", "fileinto"];
if header :matches "subject" "[ietf] *" { if duplicate :seconds 60 :uniqueid "${1}" { setflag "\\seen"; } fileinto "Alerts"; }
