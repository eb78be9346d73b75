"""What senders are told of the fate of their mail: who is told, in which words, in which form."""
